"""Results of tasks that runs of one project may take from each other: `.nika/cache.db`, which may always be removed."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from nika_core.journal.patience import Patience, PatientConnection
from nika_core.journal.private import PRIVATE_FILE, make_private, require_ours
from nika_core.journal.store import normalized
from nika_core.model.files import require_regular_files

_APPLICATION: Final = 0x4E494B43  # "NIKC"
_VERSION: Final = 1
_UNUSED: Final = 90 * 86400.0  # seconds after which a result that no run has taken is removed
_LARGEST: Final = 512 * 1024**2  # bytes of all results
_TABLES: Final = (
    """
CREATE TABLE IF NOT EXISTS results (
  key TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  at REAL NOT NULL,
  used REAL NOT NULL,
  value TEXT NOT NULL,
  signature TEXT NOT NULL
) WITHOUT ROWID
""",
    "CREATE INDEX IF NOT EXISTS results_of_run ON results (run)",
)


class StoredResult(NamedTuple):
    """One row: the result's name, the run that it is from, when it ended (seconds since the epoch), JSON, signature."""

    key: str
    run: str
    at: float
    value: str
    signature: str


class ResultStore:
    """Keeps results by name. Any thread, one at a time. Methods raise OSError, FileError or sqlite3.Error."""

    def __init__(self, path: Path, patience: Patience, largest: int = _LARGEST) -> None:
        self._path = path
        self._patience = patience
        self._largest = largest
        self._connection: PatientConnection | None = None

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    def get(self, key: str) -> StoredResult | None:
        """Return a result, or None. Nothing is made."""
        if self._connection is None and not os.path.lexists(self._path):
            return None
        found = self._open().execute("SELECT key, run, at, value, signature FROM results WHERE key = ?", (key,))
        row = found.fetchone()
        sound = row is not None and all(isinstance(row[place], str) for place in (0, 1, 3, 4))
        return StoredResult(*row) if sound and isinstance(row[2], float) else None

    def put(self, results: Iterable[StoredResult], now: float) -> None:
        """Keep results in place of those of the same names. Beyond the size limit, those unused for longest go."""
        with self._changing() as connection:
            rows = [(key, run, at, now, value, signature) for key, run, at, value, signature in results]
            connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)", rows)
            while self._size(connection) > self._largest and _remove_oldest(connection):
                pass

    def end(self, used: Iterable[str], now: float) -> None:
        """Note which results a run has taken, and remove those that no run takes: once in a run, for it reads all."""
        with self._changing() as connection:
            connection.executemany("UPDATE results SET used = ? WHERE key = ?", [(now, key) for key in used])
            connection.execute("DELETE FROM results WHERE used < ?", (now - _UNUSED,))

    def remove(self, run: str) -> None:
        """Remove the results of a run. Nothing is made."""
        if os.path.lexists(self._path):
            with self._changing() as connection:
                connection.execute("DELETE FROM results WHERE run = ?", (run,))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[PatientConnection]:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _size(self, connection: PatientConnection) -> int:
        """Return how many bytes are in use; the file itself does not shrink."""
        pages, free, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> PatientConnection:
        if self._connection is None:
            files = [self._path.with_name(self._path.name + end) for end in ("", "-wal", "-shm", "-journal")]
            require_ours(*files)
            for file in files:
                if file.is_symlink():
                    raise OSError(errno.ELOOP, f"{file} is a link, and none is followed here")
            require_regular_files(*files)  # SQLite waits for pipes
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE_FILE))
            make_private(PRIVATE_FILE, *files)
            connection = PatientConnection.open(self._path, self._patience)
            try:
                self._check(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _check(self, connection: PatientConnection) -> None:
        """Make the table, or raise sqlite3.DatabaseError if it is another program's, or made by somebody else.

        A column, a check or a trigger of somebody else's may run for ever, or take all memory.
        """
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            connection.execute("PRAGMA journal_mode=WAL")
            numbers = (f"PRAGMA application_id={_APPLICATION}", f"PRAGMA user_version={_VERSION}")
            connection.execute_all(";".join(("BEGIN IMMEDIATE", *_TABLES, *numbers, "COMMIT")))
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        ours = sorted(normalized(str(sql)) for (sql,) in found) == sorted(
            normalized(each.replace(" IF NOT EXISTS", "")) for each in _TABLES
        )
        if (application, version, ours) != (_APPLICATION, _VERSION, True):
            raise sqlite3.DatabaseError("it is not a cache of this version of Nika")
        connection.execute("PRAGMA synchronous=NORMAL")  # what a power cut takes is only done once more


def _remove_oldest(connection: PatientConnection) -> bool:
    """Remove a quarter of the results, those unused for longest; return whether there was any."""
    count = int(connection.execute("SELECT count(*) FROM results").fetchone()[0])
    oldest = (max(1, count // 4),)
    connection.execute("DELETE FROM results WHERE key IN (SELECT key FROM results ORDER BY used LIMIT ?)", oldest)
    return count > 0
