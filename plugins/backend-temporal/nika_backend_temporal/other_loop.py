"""An event loop in a thread of its own: a step that blocks its loop does not keep heartbeats from being sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class OtherLoop:
    """Start it once, run coroutines in it, stop it at the end."""

    def __init__(self, name: str) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        with self._runner:  # cancels what is left at the end, and closes the loop
            asyncio.set_event_loop(self._loop)
            self._loop.run_forever()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what a coroutine returns. If the caller is cancelled, so is the coroutine, and its end counts."""
        here = asyncio.get_running_loop()
        done: asyncio.Future[T] = here.create_future()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self._loop.create_task(work())
            tasks.append(task)
            task.add_done_callback(lambda ended: here.call_soon_threadsafe(_hand_over, ended, done))

        self._loop.call_soon_threadsafe(begin)
        while not done.done():
            try:
                await asyncio.wait([done])
            except asyncio.CancelledError:
                self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
        return done.result()

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)


def _hand_over(ended: asyncio.Task[T], done: asyncio.Future[T]) -> None:
    if done.done():
        return
    if ended.cancelled():
        done.set_exception(RuntimeError("the attempt was cancelled, and did not say how it ended"))
    elif (error := ended.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(ended.result())
