"""The database file: where it lies, its tables, its version."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from nika_core.journal import faults
from nika_core.journal.locks import guarded

VERSION: Final = 1
APPLICATION: Final = 0x4E494B41  # "NIKA"
BUSY_TIMEOUT: Final = 10.0  # seconds that one process waits for another's commit

# An event's id is its run's number * 2**32 + its position: one B-tree, written at its end, read as a range.
RUN_SHIFT: Final = 32
_TABLES: Final = """
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  workflow TEXT NOT NULL,
  started REAL NOT NULL,
  ended REAL,
  status TEXT NOT NULL,
  info TEXT NOT NULL,
  document_hash TEXT NOT NULL,
  document TEXT,
  blob TEXT,
  summary TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  task TEXT,
  data TEXT,
  blob TEXT
);
CREATE INDEX events_blob ON events (blob) WHERE blob IS NOT NULL;
CREATE TABLE memo (
  run INTEGER NOT NULL,
  key TEXT NOT NULL,
  call TEXT NOT NULL,
  value TEXT,
  blob TEXT,
  PRIMARY KEY (run, key, call)
) WITHOUT ROWID;
CREATE INDEX memo_blob ON memo (blob) WHERE blob IS NOT NULL;
"""


class Store:
    """The files of one project's history, under `<folder>/.nika`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / ".nika"
        self.path = self.folder / "journal.db"
        self.blobs = self.folder / "blobs"
        self.locks = self.folder / "locks"

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def create(self) -> None:
        """Make the folder, the file and its tables where they are missing. Raises JournalError."""
        with faults.explained(self.path, "created"):
            self.folder.mkdir(parents=True, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="utf-8")
            with guarded(self.locks / "journal.lock"):
                connection = self._connect(f"{self.path.resolve().as_uri()}?mode=rwc")
                try:
                    _migrate(connection, self.path)
                finally:
                    connection.close()

    def writer(self) -> sqlite3.Connection:
        """A connection that commits durably, statement by statement. Raises JournalError."""
        with faults.explained(self.path, "opened"):
            connection = self._connect(f"{self.path.resolve().as_uri()}?mode=rw")
            connection.execute("PRAGMA synchronous=FULL")
            return connection

    def reader(self) -> sqlite3.Connection:
        """A connection for reading, also where nothing may be written. Raises JournalError."""
        uri = self.path.resolve().as_uri()
        with faults.explained(self.path, "read"):
            # In a folder that may not be written to, the files beside the journal that WAL needs cannot be made.
            for mode in ("mode=rw", "mode=ro", "mode=ro&immutable=1"):
                connection = None
                try:
                    connection = self._connect(f"{uri}?{mode}")
                    if not _tables(connection):  # who made the file was killed, or is just about to fill it
                        connection.close()
                        self.create()
                        connection = self._connect(f"{uri}?{mode}")
                    _check(connection, self.path)
                except sqlite3.OperationalError:
                    if connection is not None:
                        connection.close()
                    if mode.endswith("immutable=1"):
                        raise
                except BaseException:
                    if connection is not None:
                        connection.close()
                    raise
                else:
                    return connection
        raise AssertionError("one of them was returned or has raised")

    def _connect(self, uri: str) -> sqlite3.Connection:
        # Autocommit: a statement is a transaction, except where BEGIN says otherwise.
        return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)


def _version(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application, version = _version(connection)
    if application != APPLICATION:
        raise faults.corrupt(path, "it is another program's database")
    if version > VERSION:
        raise faults.newer(path, version, VERSION)


def _tables(connection: sqlite3.Connection) -> int:
    """How many tables and indexes there are, whoever's they are."""
    count: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return count


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _tables(connection):
        _check(connection, path)
        return
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(
        f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION}; COMMIT;"
    )
