"""Signals for a run's tasks: any process writes them, and the process that works on the run takes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from nika_core.errors import JournalError
from nika_core.journal import faults
from nika_core.journal.encoding import decode, encode, without_surrogates
from nika_core.journal.rows import SignalReceived
from nika_core.journal.store import Store
from nika_core.journal.values import RecordedSignal
from nika_core.model.json import Json


def add_signal(connection: sqlite3.Connection, run_id: str, signal: RecordedSignal) -> RecordedSignal | None:
    """Write a signal, unless the same wait has one that its task has not received yet: return that one instead.

    A signal without a key is for whatever the task waits for next, so any other one stands in its way.
    """
    row = connection.execute("SELECT number FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:  # removed since we looked
        raise faults.unknown_run(run_id)
    node, key = without_surrogates(signal.node), without_surrogates(signal.key)
    earlier = connection.execute(
        "SELECT node, key, payload, sender, at FROM signals"
        " WHERE run = ?1 AND node = ?2 AND NOT received AND (key = ?3 OR key = '' OR ?3 = '') ORDER BY id LIMIT 1",
        (row[0], node, key),
    ).fetchone()
    if earlier is not None:
        return RecordedSignal(earlier[0], earlier[1], decode(earlier[2]), earlier[3], earlier[4])
    connection.execute(
        "INSERT INTO signals (run, node, key, payload, sender, at) VALUES (?, ?, ?, ?, ?, ?)",
        (row[0], node, key, encode(signal.payload), without_surrogates(signal.sender), signal.at),
    )
    return None


class SignalInbox:
    """The signals of one run, for the process that works on it. One thread.

    A signal is handed over when its task waits for it, and not before: until then nobody knows what a signal without a
    key is for, or whether the item of a list that it names is there.
    """

    def __init__(self, store: Store, run: int, append: Callable[[Sequence[SignalReceived]], None]) -> None:
        self._store = store
        self._run = run
        self._append = append
        self._connection: sqlite3.Connection | None = None
        self._last = 0
        self._kept: list[tuple[int, str, str, Json]] = []
        self._handed_over: dict[str, int] = {}  # by node

    def take(self, waiting: Mapping[str, str]) -> list[tuple[str, str, Json]]:
        """Return node, key and payload of what has come for nodes that wait.

        Args:
            waiting: what each node waits for, by node.
        """
        with suppress(JournalError):  # a history that cannot be used is reported when it is written
            self._read()
        taken: list[tuple[str, str, Json]] = []
        for signal in tuple(self._kept):
            number, node, key, payload = signal
            if waiting.get(node, "") and key in ("", waiting[node]) and all(node != other for other, _, _ in taken):
                self._kept.remove(signal)
                self._handed_over[node] = number
                taken.append((node, waiting[node], payload))
        return taken

    def received(self, node: str, key: str) -> None:
        """A signal is part of the run's history now: it is never handed over again."""
        number = self._handed_over.pop(node, None)
        if number is not None:
            self._append([SignalReceived(number, key)])

    def close(self) -> None:
        """Look no more."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self) -> None:
        if self._connection is None:
            self._connection = self._store.reader()
        query = "SELECT id, node, key, payload FROM signals WHERE run = ? AND id > ? AND NOT received ORDER BY id"
        with faults.explained(self._store.path, "read"), faults.damage_told(self._store.path, self._run):
            for number, node, key, payload in self._connection.execute(query, (self._run, self._last)):
                self._last = number
                self._kept.append((number, node, key, decode(payload)))
