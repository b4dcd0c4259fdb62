"""One notifier at work: in a thread with an event loop of its own, so that nothing which it does delays the run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from nika_core.plugin import QuestionNotice
from nika_core.registry.guarded_notifier import GuardedNotifier

_AT_ONCE: Final = 8  # notices


class NotifierThread:
    """Sends notices through one notifier, which is made, and its thread started, with the first one.

    Attributes:
        name: the notifier's word; `notify[1]` for the second entry if its settings are a list.
        settings: a digest of its settings.
        timeout: seconds for one notice, of real time.
    """

    def __init__(self, name: str, settings: str, timeout: float, make: Callable[[], GuardedNotifier]) -> None:
        self.name = name
        self.settings = settings
        self.timeout = timeout
        self._make = make
        self._notifier: GuardedNotifier | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._closed = asyncio.Event()

    def send(self, notice: QuestionNotice) -> Future[None]:
        """Begin to send. The future raises NikaError, or TimeoutError if the notifier did not return in time."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._work, args=(self._loop,), name=f"nika-notifier-{self.name}", daemon=True
            )
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._notify(notice), self._loop)

    async def close(self, seconds: float) -> None:
        """Cancel what is being sent and end the thread. One that does not end within `seconds` is left behind."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._closed.set)
        await asyncio.to_thread(self._thread.join, seconds)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        await self._closed.wait()  # the runner then cancels what is left

    async def _notify(self, notice: QuestionNotice) -> None:
        async with self._slots:
            if self._notifier is None:
                self._notifier = self._make()
            async with asyncio.timeout(self.timeout):
                await self._notifier.notify(notice)
