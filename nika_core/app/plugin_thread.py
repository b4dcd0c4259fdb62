"""A thread with an event loop of its own for a plugin, so that nothing which it does delays the run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class PluginThread:
    """Started with the first call. Used from one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = asyncio.Event()

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Begin to do `work` in the thread. Cancelling the future cancels it there."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._work, args=(self._loop,), name=self._name, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    async def close(self, seconds: float) -> None:
        """Cancel what is being done and end the thread. One that does not end within `seconds` is left behind."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._closed.set)
        await asyncio.to_thread(self._thread.join, seconds)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        await self._closed.wait()  # the runner then cancels what is left
