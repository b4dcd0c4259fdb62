"""Entries as rows, and the few statements that write them.

A row of `events` is a segment of a run's history: up to 128 events, written as one JSON text. To make one text and one
row of many events costs a third of making one of each; and a row that SQLite reads is a row that it reads anyway.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, Final, NamedTuple, TypeAlias

from nika_core.journal.blobs import LARGE
from nika_core.journal.encoding import (
    OUTPUT,
    START,
    encode,
    encode_event,
    encode_events,
    start_of,
    without_surrogates,
)
from nika_core.journal.store import Store
from nika_core.model.events import Event
from nika_core.model.large_values import LargeValue, value_of
from nika_core.values import dataclass

_MOST: Final = 128  # events in a row
_FIRST: Final = 8  # events in the first row of a commit


@dataclass(frozen=True, slots=True)
class MemoEntry:
    """An entry of the memo. When `mask` changes its text a secret is in it, and it is not written."""

    run: int
    key: str
    call: str
    value: Any
    mask: Callable[[str], str] | None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended. `summary` is JSON."""

    run: int
    status: str
    at: float
    summary: Any


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A signal has reached its task, which waited for `key`."""

    id: int
    key: str


Numbered: TypeAlias = tuple[int, Event]  # its run's number * 2**32 + its position in the run's history
Entry = Numbered | MemoEntry | RunEnd | SignalReceived


class _Row(NamedTuple):
    """A segment.

    Attributes:
        number: the last event's.
        large: the JSON of what of its only event is large.
        output: the output that this is, if it may leave memory.
    """

    number: int
    events: str
    large: str | None = None
    output: LargeValue | None = None


def commit(connection: sqlite3.Connection, store: Store, entries: Iterable[Entry]) -> None:
    """Write them all or none. Raises sqlite3.Error, OSError."""
    told: list[Numbered] = []
    kept: list[tuple[MemoEntry, str]] = []
    ended: list[RunEnd] = []
    received: list[SignalReceived] = []
    for entry in entries:
        if isinstance(entry, tuple):
            told.append(entry)
        elif isinstance(entry, MemoEntry):
            text = encode(entry.value)
            if entry.mask is None or entry.mask(text) == text:
                kept.append((entry, text))
        elif isinstance(entry, SignalReceived):
            received.append(entry)
        else:
            ended.append(entry)
    stored: list[tuple[LargeValue, str]] = []  # what may leave memory, and its blob
    with contextlib.ExitStack() as held:

        @cache
        def hold_blobs() -> None:
            """While blobs are written and not yet referred to, nobody may clear away what nothing refers to."""
            held.enter_context(store.holding_blobs(shared=True))

        def put(text: str) -> str:
            hold_blobs()
            return store.blobs.put(text.encode("ascii"))

        rows = []
        for row in _rows(told):
            blob = None if row.large is None else put(row.large)
            rows.append((row.number, row.events, blob))
            if row.output is not None and blob is not None:
                stored.append((row.output, blob))
        alone = len(rows) == 1 and not (kept or ended or received)  # then one statement is the whole transaction
        if not alone:
            connection.execute("BEGIN IMMEDIATE")
        for values in rows:
            connection.execute("INSERT INTO events VALUES (?, ?, ?)", values)
        for entry, text in kept:
            value = (None, put(text)) if len(text) > LARGE else (text, None)
            if value[1] is not None and isinstance(entry.value, LargeValue):
                stored.append((entry.value, value[1]))
            connection.execute(
                "INSERT OR REPLACE INTO memo VALUES (?, ?, ?, ?, ?)",
                (entry.run, without_surrogates(entry.key), without_surrogates(entry.call), *value),
            )
        for end in ended:
            connection.execute(
                "UPDATE runs SET status = ?, ended = ?, summary = ? WHERE number = ?",
                (end.status, end.at, encode(end.summary), end.run),
            )
        for signal in received:
            connection.execute(
                "UPDATE signals SET received = 1, key = ? WHERE id = ?", (without_surrogates(signal.key), signal.id)
            )
        if not alone:
            connection.execute("COMMIT")
    for large, blob in stored:
        large.keep(partial(store.values.get, blob), blob)


def _rows(told: list[Numbered]) -> Iterator[_Row]:
    """Segments of events that follow one another in one run's history; what is too large for one is alone in its row.

    Segments grow while they turn out to be small, so that large outputs are rarely made into a text only to be seen
    to be large: to make one holds Python's lock.
    """
    at, most = 0, _FIRST
    while at < len(told):
        segment = told[at : at + most]
        large = next((place for place, (_, event) in enumerate(segment) if _has_large_text(event)), len(segment))
        if not large:
            yield _alone(segment[0])
            at += 1
            continue
        segment = segment[:large]
        first, last = segment[0][0], segment[-1][0]
        if last != first + len(segment) - 1:  # several runs write at once
            segment = segment[: next(place for place, (number, _) in enumerate(segment) if number != first + place)]
            last = segment[-1][0]
        text = encode_events([event for _, event in segment])
        if text is not None and len(text) <= LARGE:
            yield _Row(last, text)
            most = min(2 * most, _MOST)
        elif len(segment) == 1:
            yield _alone(segment[0])
        else:
            most = len(segment) // 2
            continue
        at += len(segment)


def _has_large_text(event: Event) -> bool:
    output = event.data.get(OUTPUT)
    return isinstance(output, LargeValue) or (isinstance(output, str) and len(output) > LARGE)


def _alone(entry: Numbered) -> _Row:
    """Return the row of one event. Of a large output nothing but itself is in its blob: equal ones share one."""
    number, event = entry
    rest = {name: value for name, value in event.data.items() if name != OUTPUT}
    value = event.data.get(OUTPUT)
    if rest and OUTPUT in event.data and len(output := encode(value)) > LARGE:
        data = encode({**rest, START: start_of(value_of(value), output)})
        if len(data) <= LARGE:
            large = value if isinstance(value, LargeValue) else None
            return _Row(number, encode_event(event, data), output, large)
    data = encode(event.data)
    if len(data) > LARGE:
        return _Row(number, encode_event(event, "{}"), data)
    return _Row(number, encode_event(event, data))
