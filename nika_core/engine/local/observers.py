"""The observers of a run: progress, logs, `--format jsonl`. None of them can harm it.

Each observer has a thread of its own and is shown one event after the other, once the event is durable; what it raises
is dropped. Chunks are dropped when it cannot keep up. It is shown all that is in the run's history, or at least what it
takes before the run has ended and it has stood still for a grace period.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable
from queue import SimpleQueue
from typing import Final

from nika_core.engine.local.services import Observer
from nika_core.model.events import LIVE, Event, EventKind

_MOST_WAITING: Final = 1000  # events behind which chunks are dropped
_LOOK: Final = 0.001  # seconds between two looks whether all was shown


class _Watcher:
    """One observer and its thread, which starts with the first event."""

    def __init__(self, observer: Observer, durable: Callable[[], int] | None) -> None:
        self._observer = observer
        self._durable = durable
        self._ignores: Collection[str] = getattr(observer, "ignores", ())
        self.chunks = EventKind.CHUNK not in self._ignores
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="nika-observer", daemon=True)
        self.given = 0
        self.shown = 0
        self.failed: str | None = None

    def show(self, event: Event) -> None:
        if event.kind in self._ignores or (event.kind in LIVE and self.given - self.shown > _MOST_WAITING):
            return
        if not self.given:
            self._thread.start()
        self.given += 1
        self._queue.put(event)

    def end(self) -> None:
        if self.given:
            self._queue.put(None)

    @property
    def behind(self) -> bool:
        return self.shown < self.given

    def _work(self) -> None:
        durable_until = 0
        while (event := self._queue.get()) is not None:
            if event.seq > durable_until and self._durable is not None:
                durable_until = self._durable()
            try:
                self._observer(event)
            except BaseException as error:  # not even its SystemExit may end a run
                self.failed = self.failed or f"{type(error).__name__}: {error}"
            self.shown += 1


class Observers:
    """All observers of a run.

    Args:
        durable: see `Services.durable`; None: nothing is waited for.
    """

    def __init__(self, observers: Iterable[Observer] = (), durable: Callable[[], int] | None = None) -> None:
        self._watchers = [_Watcher(observer, durable) for observer in observers]
        self.any = bool(self._watchers)
        self.chunks = any(watcher.chunks for watcher in self._watchers)

    def show(self, events: Iterable[Event]) -> None:
        """Quick, whatever the observers do."""
        for event in events:
            for watcher in self._watchers:
                watcher.show(event)

    async def end(self, grace: float) -> None:
        """Wait until all was shown, as long as each goes on; `grace` in seconds, of real time."""
        still = 0.0
        before = [watcher.shown for watcher in self._watchers]
        while any(watcher.behind for watcher in self._watchers) and still < grace:
            await asyncio.sleep(_LOOK)
            now = [watcher.shown for watcher in self._watchers]
            still = 0.0 if now != before else still + _LOOK
            before = now
        for watcher in self._watchers:
            watcher.end()
