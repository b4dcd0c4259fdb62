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
from nika_core.values import replace


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
        " WHERE run = ?1 AND node = ?2 AND NOT received AND (key = ?3 OR key = '' OR ?3 = '') ORDER BY id",
        (row[0], node, key),
    )
    for found in earlier:
        if (given := _signal_of(*found)) is not None:
            return given
    connection.execute(
        "INSERT INTO signals (run, node, key, payload, sender, at) VALUES (?, ?, ?, ?, ?, ?)",
        (row[0], node, key, encode(signal.payload), without_surrogates(signal.sender), signal.at),
    )
    return None


def pending_signals(connection: sqlite3.Connection, run_id: str) -> list[RecordedSignal]:
    """Return the signals of a run that its tasks have not received yet, in the order in which they came."""
    query = (
        "SELECT node, key, payload, sender, at FROM signals"
        " WHERE run = (SELECT number FROM runs WHERE id = ?) AND NOT received ORDER BY id"
    )
    found = (_signal_of(*row) for row in connection.execute(query, (run_id,)))
    return [signal for signal in found if signal is not None]


def _signal_of(node: object, key: object, payload: str, sender: object, at: object) -> RecordedSignal | None:
    """Return the signal of a row; None for a damaged one, which counts as never sent and hides no other."""
    with suppress(ValueError, TypeError):
        if isinstance(node, str) and isinstance(key, str) and isinstance(sender, str) and isinstance(at, float):
            return RecordedSignal(node, key, decode(payload), sender, at)
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
        self._kept: dict[int, RecordedSignal] = {}  # by number
        self._handed_over: dict[str, int] = {}  # by node

    def take(self, waiting: Mapping[str, tuple[str, str]]) -> list[RecordedSignal]:
        """Return what has come for nodes that wait, each with its node and what that waits for.

        Args:
            waiting: by node, the key that it waits for, and its identity: a signal is for either.
        """
        with suppress(JournalError):  # a history that cannot be used is reported when it is written
            self._read()
        taken: dict[str, RecordedSignal] = {}
        for number, signal, node, key in self._for(waiting):
            if signal.key in ("", key) and node not in taken:
                del self._kept[number]
                self._handed_over[node] = number
                taken[node] = replace(signal, node=node, key=key)
        return list(taken.values())

    def take_void(self, waiting: Mapping[str, tuple[str, str]]) -> list[RecordedSignal]:
        """Return what was sent for something else than these nodes wait for now; it is never handed over.

        Args:
            waiting: as for `take`, and called after it.
        """
        void = []
        for number, signal, node, key in self._for(waiting):
            if signal.key not in ("", key):
                del self._kept[number]
                self._append([SignalReceived(number, signal.key)])
                void.append(replace(signal, node=node))
        return void

    def _for(self, waiting: Mapping[str, tuple[str, str]]) -> list[tuple[int, RecordedSignal, str, str]]:
        """Return number, signal, node and the node's key of each signal that is for one of these."""
        if not self._kept:
            return []
        nodes = {identity: node for node, (_, identity) in waiting.items()} | {node: node for node in waiting}
        return [
            (number, signal, nodes[signal.node], waiting[nodes[signal.node]][0])
            for number, signal in tuple(self._kept.items())
            if signal.node in nodes
        ]

    def received(self, node: str, key: str) -> None:
        """Make a signal part of the run's history, so that it is never handed over again."""
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
        query = (
            "SELECT id, node, key, payload, sender, at FROM signals"
            " WHERE run = ? AND id > ? AND NOT received ORDER BY id"
        )
        with faults.explained(self._store.path, "read"):
            for number, *row in self._connection.execute(query, (self._run, self._last)):
                self._last = number
                if (signal := _signal_of(*row)) is not None:
                    self._kept[number] = signal
