"""Entries as rows, and the few statements that write them."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nika_core.journal.blobs import LARGE, Blobs
from nika_core.journal.encoding import encode, plain
from nika_core.journal.locks import guarded
from nika_core.journal.store import Store
from nika_core.model.events import Event

_MOST_ROWS: Final = 256  # of events in one statement
_EXACT: Final = 32  # up to so many rows have a statement of their own; more are put together of powers of two


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry of the memo. When `mask` changes its text a secret is in it, and it is not written."""

    run: int
    key: str
    call: str
    value: Any
    mask: Callable[[str], str] | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `summary` is JSON."""

    run: int
    status: str
    at: float
    summary: Any


Entry = tuple[int, Event] | Kept | Ended
_Text = tuple[str | None, str | None]  # the text, or the name of the blob that has it


def commit(connection: sqlite3.Connection, store: Store, entries: Iterable[Entry]) -> None:
    """Write them all or none. Raises sqlite3.Error, OSError."""
    events: list[tuple[int, Event, str | None]] = []
    kept: list[tuple[Kept, str]] = []
    ended: list[Ended] = []
    for entry in entries:
        if isinstance(entry, tuple):
            events.append((*entry, encode(entry[1].data) if entry[1].data else None))
        elif isinstance(entry, Kept):
            text = encode(entry.value)
            if entry.mask is None or entry.mask(text) == text:
                kept.append((entry, text))
        else:
            ended.append(entry)
    large = any(_large(text) for _, _, text in events) or any(_large(text) for _, text in kept)
    # While blobs are written and not yet referred to, nobody may clear away what nothing refers to.
    with guarded(store.locks / "blobs.lock", shared=True) if large else contextlib.nullcontext():
        blobs = Blobs(store.blobs)
        rows = [_event_row(row, event, _split(text, blobs)) for row, event, text in events]
        alone = not kept and not ended and len(rows) <= _EXACT  # then one statement is the whole transaction
        if not alone:
            connection.execute("BEGIN IMMEDIATE")
        _insert_events(connection, rows)
        for entry, text in kept:
            connection.execute(
                "INSERT OR REPLACE INTO memo VALUES (?, ?, ?, ?, ?)",
                (entry.run, plain(entry.key), plain(entry.call), *_split(text, blobs)),
            )
        for end in ended:
            connection.execute(
                "UPDATE runs SET status = ?, ended = ?, summary = ? WHERE number = ?",
                (end.status, end.at, encode(end.summary), end.run),
            )
        if not alone:
            connection.execute("COMMIT")


def _large(text: str | None) -> bool:
    return text is not None and len(text) > LARGE


def _split(text: str | None, blobs: Blobs) -> _Text:
    return (None, blobs.put(text.encode("ascii"))) if text is not None and _large(text) else (text, None)


def _event_row(row: int, event: Event, text: _Text) -> tuple[Any, ...]:
    task = None if event.task is None else plain(event.task)
    return (row, event.seq, event.at, event.kind.value, task, *text)


def _insert_events(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    at = 0
    while at < len(rows):
        left = len(rows) - at
        count = left if left <= _EXACT else min(_MOST_ROWS, 1 << (left.bit_length() - 1))
        values = [value for row in rows[at : at + count] for value in row]
        connection.execute(_insert(count), values)
        at += count


@functools.cache
def _insert(rows: int) -> str:
    return "INSERT INTO events VALUES " + ",".join(["(?,?,?,?,?,?,?)"] * rows)  # noqa: S608  # only marks
