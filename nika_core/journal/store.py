"""The database file: its path, its version, and connections to it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

from nika_core.journal import faults
from nika_core.journal.blobs import Blobs
from nika_core.journal.kept_values import KeptValues
from nika_core.journal.locks import hold_lock
from nika_core.journal.patience import Patience, PatientConnection, is_held
from nika_core.journal.private import PRIVATE_FILE, PRIVATE_FOLDER, make_private, require_ours
from nika_core.model.files import require_regular_files, size_of

VERSION: Final = 5
APPLICATION: Final = 0x4E494B41  # "NIKA"

# A row of events is a segment of a run's history. Its id is the run's number * 2**32 + the position of its last event:
# one B-tree, written at its end, read as a range. A large event is alone: its output is in the blob or, if the row has
# no data of it, all of its data, as in every version before 4.
RUN_SHIFT: Final = 32
_EVENTS: Final = """
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  events TEXT NOT NULL,
  blob TEXT
);
CREATE INDEX events_blob ON events (blob) WHERE blob IS NOT NULL;
"""
_RUNS_BEFORE_5: Final = """
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
"""
# `tasks`: their ids in declared order, so that a history is shown without its workflow being parsed.
_RUNS: Final = _RUNS_BEFORE_5.replace("\n);", ",\n  tasks TEXT\n);")
_FROM_4_TO_5: Final = "ALTER TABLE runs ADD COLUMN tasks TEXT;"
_RUNS_OF_4: Final = "CREATE TEMP VIEW runs AS SELECT *, NULL AS tasks FROM main.runs"
_MEMO: Final = """
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
# `key`: what the task waits for; "" until that is known.
_SIGNALS: Final = """
CREATE TABLE signals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL,
  node TEXT NOT NULL,
  key TEXT NOT NULL,
  payload TEXT NOT NULL,
  sender TEXT NOT NULL,
  at REAL NOT NULL,
  received INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX signals_run ON signals (run, id);
"""
# Version 1 had a row for each event. (NaN, which Python writes and SQLite does not read, never was an event's data.)
_EVENTS_OF_1: Final = """
SELECT id, json_array(json_array(
  seq, CAST(at * 1e6 AS INTEGER), kind, task, json(iif(json_valid(data), data, '{}'))
)) AS events, blob FROM
"""
_FROM_1_TO_2: Final = f"""
ALTER TABLE events RENAME TO events_of_1;
DROP INDEX events_blob;
{_EVENTS}
INSERT INTO events {_EVENTS_OF_1} events_of_1;
DROP TABLE events_of_1;
"""
_EVENTS_TABLE_OF_1: Final = """
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
"""
_SCRIPTS: Final = {  # what makes the tables, by version
    1: _RUNS_BEFORE_5 + _MEMO + _EVENTS_TABLE_OF_1,
    2: _RUNS_BEFORE_5 + _MEMO + _EVENTS,
    3: _RUNS_BEFORE_5 + _MEMO + _EVENTS + _SIGNALS,
    4: _RUNS_BEFORE_5 + _MEMO + _EVENTS + _SIGNALS,
    5: _RUNS + _MEMO + _EVENTS + _SIGNALS,
}
_UPGRADES: Final = {  # by version
    1: _FROM_1_TO_2 + _SIGNALS + _FROM_4_TO_5,
    2: _SIGNALS + _FROM_4_TO_5,
    3: _FROM_4_TO_5,
    4: _FROM_4_TO_5,
}


_AS_TEXT: Final = partial(str, encoding="utf-8", errors="replace")  # one wrong byte is not to hide all rows


class Store:
    """The files of one project's history, under `<folder>/.nika`."""

    def __init__(self, folder: Path, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.folder = folder / ".nika"
        self.path = self.folder / "journal.db"
        self.blobs = Blobs(self.folder / "blobs")
        self.values = KeptValues(self.blobs)
        self.locks = self.folder / "locks"

    def run_folder(self, run_id: str) -> Path:
        """Return where a run keeps its files."""
        return self.folder / "runs" / run_id

    @property
    def exists(self) -> bool:
        """Whether the file is there, or may be: opening it tells of a folder that may not be looked into, and of a link
        that leads nowhere.
        """
        try:
            os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def holding_blobs(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Return a context that holds the lock on the large values: shared to write some, alone to remove some."""
        return hold_lock(self.locks / "blobs.lock", self.patience, shared=shared)

    def writer(self) -> PatientConnection:
        """Return a connection that commits durably, statement by statement. Raises JournalError.

        A missing folder, file or table is created.
        """
        with faults.explained(self.path, "written" if self.exists else "created"):
            self._make_private()
            ignore = self.folder / ".gitignore"
            require_regular_files(ignore)
            if not size_of(ignore) and not ignore.is_symlink():  # empty: a full disk once took the rest
                ignore.write_text("*\n", encoding="utf-8")
                make_private(PRIVATE_FILE, ignore)
            with hold_lock(self.locks / "journal.lock", self.patience):
                connection = self._connect("mode=rwc")
                try:
                    connection.execute("PRAGMA synchronous=FULL")
                    _migrate(connection, self.path)
                except BaseException:
                    connection.close()
                    raise
                return connection

    def _make_private(self) -> None:
        """Make the folder and the database this user's alone: prompts and outputs are in them. Raises OSError."""
        self._require_no_links()
        require_ours(self.folder, *self._files())
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        make_private(PRIVATE_FOLDER, self.folder, self.blobs.folder, self.locks, self.folder / "runs")
        require_regular_files(*self._files())
        with contextlib.suppress(FileExistsError):  # SQLite's other files have the mode of the database
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE_FILE))
        make_private(PRIVATE_FILE, *self._files(), self.folder / ".gitignore", self.locks / "journal.lock")

    def _require_no_links(self) -> None:
        """Raise OSError if something here is a link: the author of the folder would decide what is read and written."""
        for path in (self.folder, *self._files(), self.blobs.folder, self.locks, self.folder / "runs"):
            if path.is_symlink():
                raise OSError(errno.ELOOP, f"{path} is a link, and none is followed here; remove it")

    def _files(self) -> list[Path]:
        return [self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm", "-journal")]

    def reader(self) -> PatientConnection:
        """Return a connection for reading, even if nothing can be written. Raises JournalError."""
        with faults.explained(self.path, "read"):
            # In a folder that may not be written to, the files beside the journal that WAL needs cannot be made.
            for mode in ("mode=rw", "mode=ro", "mode=ro&immutable=1"):
                connection = None
                try:
                    connection = self._connect(mode)
                    if not _tables(connection):  # who made the file was killed, or is just about to fill it
                        connection.close()
                        self.writer().close()
                        connection = self._connect(mode)
                    version = _check(connection, self.path)
                    if version < VERSION:  # as if it were of this version, and unchanged
                        connection.execute(_RUNS_OF_4)
                    if version == 1:
                        connection.execute(f"CREATE TEMP VIEW events AS {_EVENTS_OF_1} main.events")
                except sqlite3.OperationalError as error:
                    if connection is not None:
                        connection.close()
                    if mode.endswith("immutable=1") or is_held(error):
                        raise
                except BaseException:
                    if connection is not None:
                        connection.close()
                    raise
                else:
                    return connection
        raise AssertionError("one of them was returned or has raised")

    def _connect(self, mode: str) -> PatientConnection:
        self._require_no_links()
        require_regular_files(*self._files())  # SQLite waits for pipes
        connection = PatientConnection.open(f"{self.path.resolve().as_uri()}?{mode}", self.patience, uri=True)
        connection.text_factory = _AS_TEXT
        return connection


def _version(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file, which is one that we know."""
    application, version = _version(connection)
    if application != APPLICATION:
        raise faults.corrupt(path, "it is another program's database")
    if version > VERSION:
        raise faults.newer(path, version, VERSION)
    if not _is_ours(connection, version):
        raise faults.corrupt(path, "its tables are not those of Nika")
    return version


def _is_ours(connection: sqlite3.Connection, version: int) -> bool:
    """Return whether the tables are those of a version, with nothing on them that runs when they are written.

    A trigger, or a check in a table that somebody else made, may run for ever; a missing table is found here, and not
    in the middle of a run.
    """
    if version not in _SCRIPTS:
        return False
    wanted = {normalized(statement) for statement in _SCRIPTS[version].split(";") if statement.strip()}
    names = {text.split("(")[0].split()[2] for text in wanted if text.startswith("CREATE TABLE")}
    found = connection.execute("SELECT type, tbl_name, sql FROM main.sqlite_master WHERE sql IS NOT NULL").fetchall()
    if any(kind == "trigger" for kind, _, _ in found):
        return False
    return {normalized(str(sql)) for _, table, sql in found if table in names} == wanted


def normalized(sql: str) -> str:
    """Return a statement's text with white space only between words."""
    return re.sub(r" ?([(),]) ?", r"\1", " ".join(sql.split()))


def _tables(connection: sqlite3.Connection) -> int:
    """Return how many tables and indexes there are, of any program."""
    count: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return count


def _migrate(connection: PatientConnection, path: Path) -> None:
    """Bring the file to this version, from nothing or from an earlier one."""
    if not _tables(connection):
        connection.execute("PRAGMA journal_mode=WAL")
        script = f"{_SCRIPTS[VERSION]} PRAGMA application_id={APPLICATION};"
    else:
        version = _check(connection, path)
        if version == VERSION:
            return
        script = _UPGRADES[version]
    connection.execute_all(f"BEGIN IMMEDIATE; {script} PRAGMA user_version={VERSION}; COMMIT")
