"""One notifier at work: in a thread with an event loop of its own, so that nothing which it does delays the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final

from nika_core.app.plugin_thread import PluginThread
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
        self._thread = PluginThread(f"nika-notifier-{name}")
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def send(self, notice: QuestionNotice) -> Future[None]:
        """Begin to send. The future raises NikaError, or TimeoutError if the notifier did not return in time."""
        return self._thread.run(partial(self._notify, notice))

    async def close(self, seconds: float) -> None:
        """Cancel what is being sent and end the thread. One that does not end within `seconds` is left behind."""
        await self._thread.close(seconds)

    async def _notify(self, notice: QuestionNotice) -> None:
        async with self._slots:
            if self._notifier is None:
                self._notifier = self._make()
            async with asyncio.timeout(self.timeout):
                await self._notifier.notify(notice)
