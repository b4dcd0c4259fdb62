"""The statements that begin, reopen and remove a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from nika_core.journal import faults
from nika_core.journal.store import RUN_SHIFT
from nika_core.journal.texts import TEXTS
from nika_core.journal.values import RUNNING

MEMO: Final = "SELECT key, call, value, blob FROM memo WHERE run = ? AND key > ?"
SPAN: Final = (1 << RUN_SHIFT) - 1


def range_of(number: int) -> tuple[int, int]:
    """Return the first and the last id that an event of a run may have."""
    return number << RUN_SHIFT, (number << RUN_SHIFT) + SPAN


def insert_run(connection: sqlite3.Connection, row: tuple[Any, ...]) -> int:
    """Insert a new run and return its number."""
    cursor = connection.execute(
        "INSERT INTO runs (id, started, status, workflow, info, document_hash, document, blob, tasks)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    return cursor.lastrowid or 0


def reopen_run(
    connection: sqlite3.Connection, run_id: str, told: tuple[str | None, ...] | None
) -> tuple[int, int, dict[tuple[str, str], Any], list[str]]:
    """Reopen a run; return its number, the position of its last event, its memo, and blobs without a reference."""
    row = connection.execute("SELECT number, blob FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:  # removed since we looked
        raise faults.unknown_run(run_id)
    number, document = row
    connection.execute("UPDATE runs SET status = ?, ended = NULL WHERE number = ?", (RUNNING, number))
    if told is not None:
        connection.execute(
            "UPDATE runs SET workflow = ?, info = ?, document_hash = ?, document = ?, blob = ?, tasks = ?"
            " WHERE number = ?",
            (*told, number),
        )
    last = connection.execute("SELECT max(id) FROM events WHERE id BETWEEN ? AND ?", range_of(number))
    position = (last.fetchone()[0] or 0) & SPAN
    found = connection.execute(MEMO, (number, TEXTS))
    memo = {(key, call): (value, blob) for key, call, value, blob in found}
    return number, position, memo, _unused(connection, [document] if document else [])


def delete_run(connection: sqlite3.Connection, run_id: str) -> list[str]:
    """Remove the rows of a run and return the blobs that nothing refers to any more."""
    row = connection.execute("SELECT number, blob FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        return []
    number, document = row
    low, high = range_of(number)
    found = connection.execute(
        "SELECT blob FROM events WHERE id BETWEEN ? AND ? AND blob IS NOT NULL"
        " UNION SELECT blob FROM memo WHERE run = ? AND blob IS NOT NULL",
        (low, high, number),
    )
    names = {name for (name,) in found} | ({document} if document else set())
    connection.execute("DELETE FROM events WHERE id BETWEEN ? AND ?", (low, high))
    connection.execute("DELETE FROM memo WHERE run = ?", (number,))
    connection.execute("DELETE FROM signals WHERE run = ?", (number,))
    connection.execute("DELETE FROM runs WHERE number = ?", (number,))
    return _unused(connection, names)


def _unused(connection: sqlite3.Connection, names: Iterable[str]) -> list[str]:
    """Return those of these blobs that nothing refers to."""
    used = (
        "SELECT 1 FROM events WHERE blob = ?1 UNION ALL SELECT 1 FROM memo WHERE blob = ?1"
        " UNION ALL SELECT 1 FROM runs WHERE blob = ?1 LIMIT 1"
    )
    return [name for name in names if connection.execute(used, (name,)).fetchone() is None]
