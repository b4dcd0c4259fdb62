"""One run's history while this process works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nika_core.journal.blobs import Blobs
from nika_core.journal.conversation_texts import CONVERSATION_KINDS, ConversationTexts
from nika_core.journal.earlier_ends import EarlierEnds
from nika_core.journal.encoding import decode, joined
from nika_core.journal.locks import RunLock
from nika_core.journal.rows import Entry, MemoEntry, RunEnd
from nika_core.journal.signals import SignalInbox
from nika_core.journal.store import RUN_SHIFT, Store
from nika_core.journal.values import RecordedSignal
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json
from nika_core.model.large_values import LargeValue, size_if_large, value_of

if TYPE_CHECKING:
    from nika_core.journal.writer import JournalWriter

_Stored = tuple[str | None, str | None]  # as it stands in the table: the text, or the name of its blob


class RunRecorder:
    """Records events, keeps replies and tool results, says how the run ended.

    It is the engine's `record`, `barrier` and `call_cache`. Used from one thread. `run_id` names the run for the user.
    """

    def __init__(
        self,
        run_id: str,
        number: int,
        position: int,
        writer: JournalWriter,
        blobs: Blobs,
        lock: RunLock,
        memo: dict[tuple[str, str], _Stored],
        store: Store,
        mask: Callable[[str], str] | None,
    ) -> None:
        self.run_id = run_id
        self.finished = False
        self.last_seq = 0  # of what was recorded by this process
        self._number = number
        self._next = (number << RUN_SHIFT) + position
        self._writer = writer
        self._append = writer.append
        self.barrier = writer.barrier  # waits until everything recorded and kept so far is durable; raises JournalError
        self.flush = writer.flush  # the same for another thread than the event loop's
        self._blobs = blobs
        self._lock = lock
        self._stored = memo
        self._kept: dict[tuple[str, str], Json | LargeValue] = {}
        self._mask = mask
        self._texts = ConversationTexts(number)
        self._inbox = SignalInbox(store, number, self._append)
        self.position = position  # of the last event that was there before
        self._earlier: EarlierEnds | None = None  # of a run that is resumed
        self._begun = 0.0  # when this life of the run did
        self._told = False  # history says already how the run ended

    def know(self, events: Iterable[Event]) -> None:
        """Do not write again what these events of earlier lives of the run have said."""
        self._earlier = EarlierEnds(events)

    def record(self, events: Sequence[Event]) -> None:
        """Write them soon; never waits, raises nothing. An event without a number (`seq` 0) is not history."""
        entries: list[Entry] = []
        for event in events:
            if event.seq:
                self.last_seq = event.seq
                new = event if self._earlier is None else self._earlier.new_in(event)
                if new is None:
                    continue
                if new.kind in CONVERSATION_KINDS:
                    new, texts = self._texts.taken_out(new)
                    entries += texts
                self._next += 1
                entries.append((self._next, new))
                if event.task is None:
                    entries.extend(self._of_the_run(event))
                elif event.kind is EventKind.SIGNAL_RECEIVED:
                    self._inbox.received(event.task, event.data["key"])
        self._append(entries)

    def _of_the_run(self, event: Event) -> Iterator[Entry]:
        """Yield the end of a run, for the list of runs, which is in the same commit as the run's last event."""
        if event.kind is EventKind.RUN_STARTED:
            self._begun = event.at
        elif event.kind is EventKind.RUN_FINISHED and "status" in event.data:
            summary = {"usage": event.data.get("usage"), "durationMs": round((event.at - self._begun) * 1000)}
            self._told = True
            yield RunEnd(self._number, event.data["status"], event.at, summary)

    def signals(self, waiting: Mapping[str, tuple[str, str]]) -> list[RecordedSignal]:
        """Return the signals for nodes that wait; `waiting` has each node's key and identity."""
        return self._inbox.take(waiting)

    def void_signals(self, waiting: Mapping[str, tuple[str, str]]) -> list[RecordedSignal]:
        """Return the signals for these nodes that are for something else than they wait for now, once."""
        return self._inbox.take_void(waiting)

    def get(self, key: str, call: str) -> Json:
        """Return what an earlier attempt, or an earlier life of the run, kept for a call of a task; None: nothing."""
        kept = self._kept.get((key, call))
        if kept is None and (stored := self._stored.get((key, call))) is not None:
            kept = self._read(stored)
            self._texts.know(key, call, kept)
        return value_of(kept)  # type: ignore[no-any-return]  # replies are JSON

    def kept_before(self) -> dict[tuple[str, str], Json]:
        """Return everything that earlier lives of the run have kept, by key and call, but for what is lost."""
        kept = {name: self._read(stored) for name, stored in self._stored.items()}
        return {name: value for name, value in kept.items() if value is not None}

    def put(self, key: str, call: str, value: Json) -> None:
        """Keep it; durable with the next barrier. What has a secret in it is kept for this process only."""
        kept = self._kept[key, call] = LargeValue(value) if size_if_large(value) else value
        self._texts.know(key, call, value)
        self._append([MemoEntry(self._number, key, call, kept, self._mask)])

    def _read(self, stored: _Stored) -> Any:
        text, blob = stored
        with suppress(ValueError, TypeError):  # damaged: as if it were lost
            if blob is None:
                return None if text is None else decode(text)
            content = self._blobs.get(blob)
            return None if content is None else joined(content.decode("ascii"), None, self._blobs)
        return None

    async def finish(self, status: str, at: float) -> None:
        """Record that the run has ended, wait until that is durable, and let go of the run. Raises JournalError.

        Args:
            status: succeeded, failed, cancelled or paused; what the event `run.finished` said goes before it.
            at: seconds since the epoch.
        """
        self.finished = True
        self._inbox.close()
        if not self._told:
            self._append([RunEnd(self._number, status, at, {})])
        try:
            await self._writer.barrier()
        finally:
            self._lock.release()

    def release(self) -> None:
        """Let go of the run without saying how it ended: it counts as interrupted, and can be resumed."""
        self._inbox.close()
        self._lock.release()
