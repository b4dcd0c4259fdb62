"""How long this process waits for what another one holds: SQLite's locks, and the system's locks on files.

SQLite waits inside itself, and a lock of the system in the kernel: until that is over, Python sees neither Ctrl-C nor
anything else. So both are asked without waiting, and again after a pause, which a signal ends.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")
SECONDS: Final = 10.0
BRIEF_SECONDS: Final = 0.5
_PAUSES: Final = (0.001, 0.002, 0.005, 0.01, 0.02)  # seconds; then the last one, again and again
_HELD: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Patience:
    """The time for which one user of a file waits for others, each time. Any thread may shorten it."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._hurried = threading.Event()
        self.brief = False

    def hurry(self) -> None:
        """Wait only briefly from now on, and end a wait that is longer already: the user wants to leave."""
        self._hurried.set()

    def tries(self) -> Iterator[None]:
        """Yield at once, and again after pauses until the time is over."""
        yield
        began = time.monotonic()
        pauses = iter(_PAUSES)
        pause = 0.0
        while True:
            pause = next(pauses, pause)
            brief = self.brief or self._hurried.is_set()
            left = began + (BRIEF_SECONDS if brief else self._seconds) - time.monotonic()
            if left <= 0:
                return
            (time.sleep if brief else self._hurried.wait)(min(pause, left))
            yield


def is_held(error: BaseException | None) -> bool:
    """Return whether SQLite says that another connection holds what it needs."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _HELD


class PatientConnection(sqlite3.Connection):
    """A connection whose `execute` waits for others as its patience says. Autocommit."""

    _patience: Patience

    @classmethod
    def open(cls, database: Path | str, patience: Patience, *, uri: bool = False) -> Self:
        """Connect to a file. Any thread may use the connection, one at a time."""
        connection = sqlite3.connect(
            database, timeout=0, isolation_level=None, check_same_thread=False, uri=uri, factory=cls
        )
        connection._patience = patience
        return connection

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement, as `sqlite3.Connection.execute` does."""
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not is_held(error):
                raise
        return _when_free(lambda: super(PatientConnection, self).execute(sql, parameters), self._patience)

    def execute_all(self, script: str) -> None:
        """Execute statements one by one; `;` stands nowhere but between them."""
        for statement in script.split(";"):
            self.execute(statement)


def _when_free(call: Callable[[], T], patience: Patience) -> T:
    held: sqlite3.OperationalError | None = None
    for _ in patience.tries():
        try:
            return call()
        except sqlite3.OperationalError as error:
            if not is_held(error):
                raise
            held = error
    assert held is not None
    raise held
