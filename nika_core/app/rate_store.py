"""What all runs of a user on this machine know of the rates of models, in one SQLite file. No event loop.

An account is one model (or all models) of one provider and key. It has levels, which come back evenly, and a time
before which nobody calls. Runs that wait for the same account are served in turn: the one whose last call is longest
ago comes first, so that a run with a thousand calls does not keep another one with three from its turn. What a killed
process leaves behind is forgotten after seconds: nothing is held, everything is looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from nika_core.journal.patience import Patience, PatientConnection
from nika_core.values import dataclass

BUSY_SECONDS: Final = 5.0  # for which another process is waited for
MAX_PAUSE: Final = 60.0  # a longer one is the task's own affair: its attempt's time is limited
_TURN: Final = 0.05  # seconds after which a run asks again that lets another one go first
_SEEN: Final = 5.0  # seconds after which a run that does not ask any more has gone
_KNOWN: Final = 600.0  # seconds for which a server's word about its limits counts
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS levels (
    account TEXT NOT NULL, kind TEXT NOT NULL,
    level REAL NOT NULL, capacity REAL NOT NULL, per_second REAL NOT NULL, at REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (account, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pauses (account TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    account TEXT NOT NULL, run TEXT NOT NULL, waiting INTEGER NOT NULL, seen REAL NOT NULL, served REAL NOT NULL,
    PRIMARY KEY (account, run)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS salt (value BLOB NOT NULL);
INSERT INTO salt SELECT randomblob(16) WHERE NOT EXISTS (SELECT 1 FROM salt);
"""


@dataclass(frozen=True)
class Level:
    """How much of a limit is left. `per_second` comes back, up to `capacity`."""

    left: float
    capacity: float
    per_second: float


class RateStore:
    """One connection; one thread at a time. Raises sqlite3.Error and OSError: the caller does without it then."""

    def __init__(self, path: Path, patience: Patience | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # the user's alone, from the first moment on
        self._database = PatientConnection.open(path, patience or Patience(BUSY_SECONDS))
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            self._database.execute_all(_SCHEMA)
        self.salt: bytes = self._database.execute("SELECT value FROM salt").fetchone()[0]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def ask(
        self, account: str, run: str, wants: Mapping[str, float], now: float, declared: Mapping[str, Level]
    ) -> float:
        """Take what one call needs and return 0; or return the seconds after which to ask again.

        Args:
            wants: how much of each kind (`requests`, `tokens`) it takes; more than a whole limit waits for all of it.
            now: seconds since the epoch.
            declared: limits that hold although no server has spoken of them.
        """
        if not declared and not self._is_limited(account, now):
            return 0.0
        with self._transaction():
            levels = self._levels(account, now, declared)
            seconds = self._wait(account, wants, now, levels)
            if seconds <= 0 and self._is_next(account, run, now):
                for kind, level in levels.items():
                    self._put(account, kind, level, level.left - wants.get(kind, 0.0), now)
                self._seen(account, run, now, waiting=False, served=now)
                return 0.0
            self._seen(account, run, now, waiting=True)
        return max(seconds, _TURN)

    def wait(self, account: str, wants: Mapping[str, float], now: float) -> float:
        """Return the seconds that a call would wait now; take nothing."""
        return self._wait(account, wants, now, self._levels(account, now, {}))

    def _wait(self, account: str, wants: Mapping[str, float], now: float, levels: Mapping[str, Level]) -> float:
        pause = self._database.execute("SELECT until FROM pauses WHERE account = ?", (account,)).fetchone()
        left = 0.0 if pause is None else pause[0] - now
        waits = [left if left <= MAX_PAUSE else 0.0]  # a clock was set back
        for kind, level in levels.items():
            short = min(wants.get(kind, 0.0), level.capacity) - level.left
            waits.append(short / level.per_second if short > 1e-6 * level.capacity else 0.0)
        return max(waits)

    def learn(self, account: str, levels: Mapping[str, Level], now: float) -> None:
        """Take what a server says of its limits."""
        with self._transaction():
            for kind, level in levels.items():
                self._put(account, kind, level, level.left, now, until=now + _KNOWN)

    def pause(self, account: str, seconds: float, now: float) -> None:
        """Let nobody call for so long."""
        until = now + min(seconds, MAX_PAUSE)
        sql = "INSERT INTO pauses VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET until = MAX(until, excluded.until)"
        with self._transaction():
            self._database.execute("DELETE FROM pauses WHERE until < ? OR until > ?", (now, now + MAX_PAUSE))
            self._database.execute(sql, (account, until))

    def give_up(self, account: str, run: str) -> None:
        """Stop waiting with a call of a run."""
        with self._transaction():
            self._database.execute("UPDATE runs SET waiting = 0 WHERE account = ? AND run = ?", (account, run))

    def leave(self, run: str) -> None:
        """Forget a run that has ended: it no longer waits for its turn."""
        with self._transaction():
            self._database.execute("DELETE FROM runs WHERE run = ?", (run,))

    # ----

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _is_limited(self, account: str, now: float) -> bool:
        sql = (
            "SELECT EXISTS (SELECT 1 FROM levels WHERE account = :account AND until > :now)"
            " OR EXISTS (SELECT 1 FROM pauses WHERE account = :account AND until > :now)"
        )
        return bool(self._database.execute(sql, {"account": account, "now": now}).fetchone()[0])

    def _levels(self, account: str, now: float, declared: Mapping[str, Level]) -> dict[str, Level]:
        """Return what is left now."""
        found = dict(declared)
        sql = "SELECT kind, level, capacity, per_second, at, until FROM levels WHERE account = ?"
        for kind, left, capacity, per_second, at, until in self._database.execute(sql, (account,)):
            ours = declared.get(kind)
            if ours is None and not now < until <= now + _KNOWN:
                continue
            if ours is not None and (at > now + _SEEN or (ours.capacity, ours.per_second) != (capacity, per_second)):
                continue  # a clock was set back, or another version declared something else
            grown = left + max(0.0, now - at) * per_second
            found[kind] = Level(min(capacity, grown), capacity, per_second)
        return found

    def _put(self, account: str, kind: str, level: Level, left: float, now: float, until: float | None = None) -> None:
        if until is None:
            sql = "UPDATE levels SET level = ?, at = ? WHERE account = ? AND kind = ? AND capacity = ?"
            if self._database.execute(sql, (left, now, account, kind, level.capacity)).rowcount:
                return
        values: tuple[Any, ...] = (account, kind, left, level.capacity, level.per_second, now, until or now + _KNOWN)
        self._database.execute("INSERT OR REPLACE INTO levels VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def _is_next(self, account: str, run: str, now: float) -> bool:
        """Return whether no other run that waits was served less recently."""
        served = self._database.execute(
            "SELECT served FROM runs WHERE account = ? AND run = ?", (account, run)
        ).fetchone()
        sql = (
            "SELECT 1 FROM runs WHERE account = ? AND run != ? AND waiting AND seen BETWEEN ? AND ?"
            " AND (served < ? OR (served = ? AND run < ?)) LIMIT 1"
        )
        mine = 0.0 if served is None else served[0]
        asked = (account, run, now - _SEEN, now + _SEEN, mine, mine, run)
        return self._database.execute(sql, asked).fetchone() is None

    def _seen(self, account: str, run: str, now: float, *, waiting: bool, served: float | None = None) -> None:
        self._database.execute("DELETE FROM runs WHERE seen < ?", (now - _KNOWN,))
        sql = (
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, run)"
            " DO UPDATE SET waiting = excluded.waiting, seen = excluded.seen, served = MAX(served, excluded.served)"
        )
        self._database.execute(sql, (account, run, waiting, now, served or 0.0))
