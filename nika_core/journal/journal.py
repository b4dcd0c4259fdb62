"""The runs of one project: begin, resume, look at, remove."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from nika_core.errors import JournalError
from nika_core.journal import faults, run_rows
from nika_core.journal.blobs import LARGE
from nika_core.journal.earlier_ends import with_outputs
from nika_core.journal.encoding import LOST, decode, encode, events_of, joined, without_surrogates
from nika_core.journal.locks import RunLock, hold_lock, holder
from nika_core.journal.patience import Patience
from nika_core.journal.result_store import ResultStore
from nika_core.journal.run_recorder import RunRecorder
from nika_core.journal.signals import add_signal, pending_signals
from nika_core.journal.store import Store
from nika_core.journal.texts import TEXTS
from nika_core.journal.values import (
    DAMAGED,
    INTERRUPTED,
    RUNNING,
    Recorded,
    RecordedSignal,
    RunInfo,
    RunSummary,
    new_run_id,
)
from nika_core.model.events import Event
from nika_core.values import replace

if TYPE_CHECKING:
    from nika_core.journal.queue import QueuePlace
    from nika_core.journal.writer import JournalWriter

_ALL_RUNS: Final = "SELECT id, workflow, started, ended, status, info, summary FROM runs ORDER BY number DESC"
_RUNNING_RUNS: Final = _ALL_RUNS.replace(" ORDER", f" WHERE status = '{RUNNING}' ORDER")
_ONE_RUN: Final = (
    "SELECT id, workflow, started, ended, status, info, summary, number, document_hash, document, blob, tasks"
    " FROM runs WHERE id = ?"
)
_RUN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LAST: Final = "last"
_LATEST: Final = 1e12  # seconds since the epoch: no time of a run is later


class Journal:
    """Everything under `<folder>/.nika`. Nothing is made there before the first run begins.

    One thread. Every method raises JournalError, with what is wrong and what to do, and nothing else.
    """

    def __init__(self, folder: Path, patience: Patience | None = None) -> None:
        self._store = Store(folder, patience)
        self._blobs = self._store.blobs
        self._writer: JournalWriter | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the journal of the folder of a project, or of a lone workflow."""
        return cls(folder)

    def again(self) -> Journal:
        """Return the same journal for another thread; `hurry` holds for both."""
        return Journal(self.folder, self._store.patience)

    def hurry(self) -> None:
        """Wait only briefly for other processes from now on. From any thread."""
        self._store.patience.hurry()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._store.path

    @property
    def exists(self) -> bool:
        """Whether there is a history, or may be one that cannot be read; False: nothing has been run, or it is gone."""
        return self._store.exists

    @property
    def folder(self) -> Path:
        """The project's (or the lone workflow's) folder, in which `.nika` is."""
        return self._store.folder.parent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except JournalError:
            if kind is None:  # what is already on its way up matters more
                raise

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    # ---- writing

    def begin(self, info: RunInfo, run_id: str | None = None, mask: Callable[[str], str] | None = None) -> RunRecorder:
        """Begin a new run, which is durable before this returns.

        Args:
            run_id: None: a new one.
            mask: replaces secrets; what it would change is kept in no memo on disk.
        """
        writer = self._write()
        run_id = run_id or new_run_id(info.started)
        lock = self._own(run_id)
        try:
            with faults.explained(self.path, "written"), self._store.holding_blobs(shared=True):
                row = (run_id, info.started, RUNNING, *self._info_columns(info))
                number = writer.call(lambda connection: run_rows.insert_run(connection, row))
        except BaseException:
            lock.release()
            raise
        return RunRecorder(run_id, number, 0, writer, self._blobs, lock, {}, self._store, mask)

    def resume(self, run: str, mask: Callable[[str], str] | None = None, info: RunInfo | None = None) -> RunRecorder:
        """Reopen a run that no process works on. A unique prefix of its id is enough.

        Args:
            mask: as for `begin`.
            info: what the run is from now on, but for when it started; None: what it was.
        """
        run_id = self.find(run)
        writer = self._write()
        lock = self._own(run_id)
        try:
            writer.flush()  # what is large waits for the lock on blobs, and would wait for us
            with faults.explained(self.path, "written"), self._store.holding_blobs():
                told = None if info is None else self._info_columns(info)
                number, position, memo, unused = writer.call(
                    lambda connection: run_rows.reopen_run(connection, run_id, told)
                )
                self._blobs.remove(unused)
        except BaseException:
            lock.release()
            raise
        return RunRecorder(run_id, number, position, writer, self._blobs, lock, memo, self._store, mask)

    def run_folder(self, run_id: str) -> Path:
        """Return where a run keeps its files; it need not exist."""
        return self._store.run_folder(run_id)

    def results(self) -> ResultStore:
        """Return the results of tasks that runs of this project may take from each other, not opened yet."""
        return ResultStore(self._store.folder / "cache.db", self._store.patience)

    def remove(self, run: str) -> str:
        """Remove a run that no process works on and return its full id."""
        run_id = self.find(run)
        writer = self._write()
        lock = self._own(run_id)
        try:
            writer.flush()  # as in `resume`
            with faults.explained(self.path, "written"), self._store.holding_blobs():
                self._blobs.remove(writer.call(lambda connection: run_rows.delete_run(connection, run_id)))
            shutil.rmtree(self.run_folder(run_id), ignore_errors=True)
        finally:
            lock.release()
        return run_id

    def add_signal(self, run_id: str, signal: RecordedSignal) -> RecordedSignal | None:
        """Write a signal for a run, durably; return instead the one that stands in its way, which was given before."""
        with faults.explained(self.path, "written"), self.damage_told(run_id):
            return self._write().call(lambda connection: add_signal(connection, run_id, signal))

    # ---- reading

    def signals(self, run_id: str) -> list[RecordedSignal]:
        """Return the signals of a run that its tasks have not received yet, in the order in which they came."""
        if not self._store.exists:
            return []
        with faults.explained(self.path, "read"), self._connect() as connection:
            return pending_signals(connection, run_id)

    def find(self, run: str) -> str:
        """Return the full id of the run whose id begins with `run`; `last` is the newest one."""
        ids = [str(row[0]) for row in self._rows("SELECT id FROM runs ORDER BY number")]
        if not ids:
            raise faults.no_runs(self.path.parent.parent, "" if run == _LAST else run)
        if run == _LAST:
            return ids[-1]
        matches = sorted(each for each in ids if run and each.startswith(run))
        if run in matches:
            return run
        if len(matches) != 1:
            raise faults.unknown_run(run, matches)
        return str(matches[0])

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Return a context that one process at a time is in, for a moment, for each name."""
        self._write()
        return self._explained_lock(name)

    def queue(self, name: str) -> QueuePlace:
        """Return a place in a queue, not taken yet."""
        from nika_core.journal.queue import QueuePlace  # few runs wait in one

        return QueuePlace(self._store.locks, name)

    @contextlib.contextmanager
    def _explained_lock(self, name: str) -> Iterator[None]:
        with ExitStack() as held:
            with faults.explained(self.path, "locked"):
                held.enter_context(hold_lock(self._store.locks / f"{name}.lock", self._store.patience))
            yield

    def with_option(self, name: str, value: str) -> str | None:
        """Return the newest run that was started with an option of this value, or None."""
        query = "SELECT id FROM runs WHERE json_valid(info) AND json_extract(info, ?) = ? ORDER BY number DESC LIMIT 1"
        if not self._store.exists:
            return None
        with faults.explained(self.path, "read"), self._connect() as connection:
            row = connection.execute(query, (f"$.options.{name}", value)).fetchone()
        return None if row is None else str(row[0])

    def runs(self) -> list[RunSummary]:
        """Return all runs, the newest first. One that is damaged hides no other: its status is `damaged`."""
        return [self._summary_or_damage(row) for row in self._rows(_ALL_RUNS)]

    def running(self) -> Iterator[RunSummary]:
        """Yield the runs that are under way, the newest first; of the others, nothing is read."""
        for row in self._rows(_RUNNING_RUNS):
            if (run := self._summary_or_damage(row)).status == RUNNING:
                yield run

    def _summary_or_damage(self, row: tuple[Any, ...]) -> RunSummary:
        try:
            return self._summary(row)
        except JournalError:
            return RunSummary(str(row[0]), str(row[1]), "", _seconds(row[2]), None, DAMAGED)

    def load(self, run: str, *, large: bool = True, lazy: bool = False, without: Collection[str] = ()) -> Recorded:
        """Return everything about a run (a unique beginning of its id will do).

        Args:
            large: whether large outputs are read, too; without them an event has `outputStart`.
            lazy: whether they stay where they are: an event has each as a `LargeValue`, or says that it is lost.
            without: the kinds of events that the caller does not need: of a large run, each takes some megabytes.
        """
        run_id = self.find(run)
        with faults.explained(self.path, "read"), self.damage_told(run_id), self._connect() as connection:
            row = connection.execute(_ONE_RUN, (run_id,)).fetchone()
            if row is None:
                raise faults.unknown_run(run)
            number, document_hash, document, blob, tasks = row[7:]
            segments = connection.execute(  # one at a time: together they are as large as what is made of them
                "SELECT id, events, blob FROM events WHERE id BETWEEN ? AND ? ORDER BY id", run_rows.range_of(number)
            )
            read = cache(partial(joined, None, blobs=self._blobs))  # equal outputs are one object
            output = (cache(self._store.values.lazy) if lazy else read) if large else None
            events: list[Event] = []
            position = 0
            for segment, text, data in segments:
                found = events_of(text, data, run_id, read, output)
                events += (event for event in found if event.kind not in without) if without else found
                position = segment & run_rows.SPAN
            kept = connection.execute(run_rows.MEMO, (number, TEXTS))
            memo = {(key, call): joined(value, name, self._blobs) for key, call, value, name in kept}
            told = decode(row[5])
            document = joined(document, blob, self._blobs)
            info = RunInfo(
                str(told["workflow"]),
                str(told["path"]),
                document if isinstance(document, str) else "",
                dict(told["inputs"]),
                dict(told["options"]),
                row[2],
                str(told.get("signature", "")),
                None if tasks is None else tuple(map(str, decode(tasks))),
            )
        whole = {key: value for key, value in memo.items() if not (isinstance(value, dict) and value.keys() == {LOST})}
        return Recorded(self._summary(row), info, document_hash, tuple(with_outputs(events)), whole, position)

    # ---- inside

    def _summary(self, row: tuple[Any, ...]) -> RunSummary:
        run_id, workflow, started, ended, status, info, summary = row[:7]
        with self.damage_told(run_id):
            decoded = decode(summary)
            told = RunSummary(run_id, workflow, str(decode(info)["path"]), started, ended, status, decoded)
            if not _is_sound(told):
                raise ValueError("a value is of another type than Nika writes")
            if status == RUNNING and holder(self._lock_path(run_id)) is None:
                return replace(told, status=INTERRUPTED)
            return told

    def damage_told(self, run: object) -> AbstractContextManager[None]:
        """Return a context that turns what the damaged history of a run makes code raise into a JournalError."""
        return faults.damage_told(self.path, run)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        if not self._store.exists:
            return []
        with faults.explained(self.path, "read"), self._connect() as connection:
            return connection.execute(query).fetchall()

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = self._store.reader()
        try:
            yield connection
        finally:
            connection.close()

    def _write(self) -> JournalWriter:
        if self._writer is None:
            from nika_core.journal.writer import JournalWriter  # asyncio is not needed to read

            self._writer = JournalWriter(self._store)
        return self._writer

    def _lock_path(self, run_id: str) -> Path:
        if not _RUN_ID.fullmatch(run_id):  # the id from a journal that somebody else wrote may be a path
            raise faults.corrupt(self.path, f"{run_id[:80]!r} is not the id of a run")
        return self._store.locks / f"{run_id}.lock"

    def _own(self, run_id: str) -> RunLock:
        lock = RunLock(self._lock_path(run_id))
        with faults.explained(self._lock_path(run_id), "locked"):
            owner = lock.acquire()
        if owner is not None:
            raise faults.live_run(run_id, owner)
        return lock

    def _info_columns(self, info: RunInfo) -> tuple[str | None, ...]:
        """Return workflow, info, document_hash, document, blob and tasks as they are in the table."""
        text = encode(info.document)
        stored = (text, None) if len(text) <= LARGE else (None, self._blobs.put(text.encode("ascii")))
        told = _info_json(info) | ({"signature": info.signature} if info.signature else {})
        tasks = None if info.tasks is None else encode(info.tasks)
        return without_surrogates(info.workflow), encode(told), _hash(info.document), *stored, tasks


def _info_json(info: RunInfo) -> dict[str, Any]:
    # It is signed: a key that every run gets would make the signatures of older runs invalid.
    return {"workflow": info.workflow, "path": info.path, "inputs": info.inputs, "options": info.options}


def signed_text(info: RunInfo) -> str:
    """Return what a signature of a run holds for: the same text before it is written and after it is read."""
    return encode(decode(encode(_info_json(info))))


def _hash(document: str) -> str:
    return sha256(document.encode("utf-8", "surrogatepass")).hexdigest()


def _is_sound(run: RunSummary) -> bool:
    """Return whether everything that is said of a run has the type that it is written with."""
    return (
        all(isinstance(text, str) for text in (run.id, run.workflow, run.status))
        and all(_seconds(at) == at for at in (run.started, 0.0 if run.ended is None else run.ended))
        and isinstance(run.summary, dict)
    )


def _seconds(value: object) -> float:
    """Return a time, or 0 for anything else."""
    return value if isinstance(value, int | float) and 0 <= value < _LATEST else 0.0
