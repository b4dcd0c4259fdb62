"""The observers of a run: progress, logs, `--format jsonl`. None of them can harm it.

Each observer has a thread of its own and is shown one event after the other, once the event is durable; what it raises
is dropped. Chunks are dropped when it cannot keep up. It is shown all that is in the run's history, or at least what it
takes before the run has ended and it has stood still for a grace period.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final

from nika_core.engine.local.services import EventListener
from nika_core.model.events import LIVE, Event, EventKind
from nika_core.model.large_values import LargeValue, PlainData

_MOST_WAITING: Final = 1000  # events behind which chunks are dropped
_LOOK: Final = 0.001  # seconds between two looks whether all was shown


class _Watcher:
    """One observer and its thread, which starts with the first event."""

    def __init__(self, observer: EventListener, durable: Callable[[], int] | None) -> None:
        self._observer = observer
        self._durable = durable
        self._ignores: Collection[str] = getattr(observer, "ignores", ())
        self.chunks = EventKind.CHUNK not in self._ignores
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._close: Callable[[], None] | None = getattr(observer, "close", None)
        self._timeout: float | None = getattr(observer, "timeout", None)
        self._thread = threading.Thread(target=self._work, name="nika-observer", daemon=True)
        self._given = 0
        self._shown = 0
        self._done = False
        self._seen = 0
        self._still = 0.0  # seconds since it was seen to do anything

    def show(self, event: Event) -> None:
        if event.kind in self._ignores or (event.kind in LIVE and self._given - self._shown > _MOST_WAITING):
            return
        if not self._given:
            self._thread.start()
        self._given += 1
        self._queue.put(event)

    def end(self) -> None:
        if self._given:
            self._queue.put(None)

    def is_waited_for(self, grace: float) -> bool:
        """Return whether it has work left, and has gone on with it within its time. Asked again after `_LOOK`."""
        if self._done or not self._given:
            return False
        self._still = self._still + _LOOK if self._shown == self._seen else 0.0
        self._seen = self._shown
        return self._still < (self._timeout or grace)

    def _work(self) -> None:
        durable_until = 0
        while (event := self._queue.get()) is not None:
            if event.seq > durable_until and self._durable is not None:
                durable_until = self._durable()
            with suppress(BaseException):  # not even its SystemExit may end a run
                self._observer(_plain(event))
            self._shown += 1
        if self._close is not None:
            with suppress(BaseException):
                self._close()
        self._done = True


def _plain(event: Event) -> Event:
    large = LargeValue in map(type, event.data.values())
    return event._replace(data=PlainData(event.data)) if large else event


class Observers:
    """All observers of a run.

    Args:
        durable: see `Services.durable`; None: nothing is waited for.
    """

    def __init__(self, observers: Iterable[EventListener] = (), durable: Callable[[], int] | None = None) -> None:
        self._watchers = [_Watcher(observer, durable) for observer in observers]
        self.any = bool(self._watchers)
        self.chunks = any(watcher.chunks for watcher in self._watchers)

    def show(self, events: Iterable[Event]) -> None:
        """Quick, whatever the observers do."""
        for event in events:
            for watcher in self._watchers:
                watcher.show(event)

    async def end(self, grace: float) -> None:
        """Wait until all was shown and closed, as long as each goes on; `grace` in seconds, of real time."""
        for watcher in self._watchers:
            watcher.end()
        waited_for = self._watchers
        while True:
            waited_for = [watcher for watcher in waited_for if watcher.is_waited_for(grace)]
            if not waited_for:
                return
            await asyncio.sleep(_LOOK)
