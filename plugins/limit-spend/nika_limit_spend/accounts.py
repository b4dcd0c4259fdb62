"""What was spent in a day, and what is reserved for calls, in one SQLite file that all processes share.

A call reserves the most that it may cost before it is made. From `sending` on it may have cost that much, so it counts
until `settle` says what it took. Of a process that has died, what was reserved and not sent is given back. What was
sent stays, since it may have been spent, until a resumed run settles it. All amounts are billionths of a US dollar.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from nika_limit_spend.database_file import make_file
from nika_limit_spend.owners import Owners

BUSY_SECONDS: Final = 5.0  # for which another process is waited for
_KEPT: Final = timedelta(days=62)  # for which days, and the names of their calls, are remembered
_RESERVED, _SENT = 0, 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spent (
    day TEXT NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (day, account)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS open (
    call TEXT PRIMARY KEY, day TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL,
    amount INTEGER NOT NULL, state INTEGER NOT NULL, owner TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settled (call TEXT PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (day TEXT NOT NULL);
"""


class ClockError(Exception):
    """The clock is more than a day behind a day in which something was spent already."""


class Account(NamedTuple):
    """Whose budget: `team:search` or `user:ada`; `limit` is what it may spend in a day."""

    name: str
    limit: int


class Short(NamedTuple):
    """An account that has no room for a call.

    Attributes:
        spent: what was spent, and may have been by processes that are gone.
        reserved: what calls in flight hold.
        may_fit: whether it would fit if they gave all of that back.
    """

    account: Account
    spent: int
    reserved: int
    may_fit: bool

    @property
    def left(self) -> int:
        """What nobody has spent or holds."""
        return max(0, self.account.limit - self.spent - self.reserved)


class Accounts:
    """One connection, for all threads of a process. Raises sqlite3.Error, OSError and ClockError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_file(path)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._database.execute(statement)
            self._owners = Owners(path.with_name(f"{path.name}.processes"))
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the file, and say that this process uses it no longer."""
        self._database.close()
        self._owners.close()

    def reserve(
        self, call: str, today: str, team: Account, user: Account, amount: int, *, begun: bool = False
    ) -> Short | None:
        """Reserve for a call, in the accounts of its team and its user; or return the first that has no room.

        A call that is open already, as one in a batch that a resumed run waits for, stays as it is.

        Args:
            today: the day by the clock; a clock that has gone back by a day at most stays where it was.
            begun: what it is for begins at once, and nothing says when: it may be spent from now on.
        """
        with self._transaction():
            day = self._day(today)
            known = self._one("SELECT owner FROM open WHERE call = ?", call)
            if known is not None:
                self._database.execute("UPDATE open SET owner = ? WHERE call = ?", (self._owners.own, call))
                return None
            short = self._shortage(day, (team, user), amount)
            if short is not None and self._give_back_of_the_dead():
                short = self._shortage(day, (team, user), amount)
            if short is None:
                row = (call, day, team.name, user.name, amount, _SENT if begun else _RESERVED, self._owners.own)
                self._database.execute("INSERT INTO open VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                self._database.execute("DELETE FROM settled WHERE call = ?", (call,))
            return short

    def sending(self, call: str) -> bool:
        """Note that a call is about to be sent. Return whether it is still reserved: if not, it may not be sent."""
        with self._transaction():
            changed = self._database.execute("UPDATE open SET state = ? WHERE call = ?", (_SENT, call)).rowcount
        return bool(changed)

    def settle(self, call: str, today: str, team: str, user: str, amount: int, *, unknown: bool = False) -> None:
        """Note what a call took; once for each call.

        Args:
            today, team, user: where it counts if nothing was reserved for it.
            unknown: nobody knows, and `amount` is the most: nothing if it was never sent.
        """
        with self._transaction():
            if self._one("SELECT day FROM settled WHERE call = ?", call) is not None:
                return
            row = self._one("SELECT day, team, user, state FROM open WHERE call = ?", call)
            if row is None:
                day = self._day(today)
            else:
                day, team, user, state = row
                self._database.execute("DELETE FROM open WHERE call = ?", (call,))
                if unknown and state == _RESERVED:
                    return
            if amount > 0:
                self._database.execute("INSERT INTO settled VALUES (?, ?)", (call, day))
                for account in (team, user):
                    self._spend(day, account, amount)

    def spent(self, today: str, account: str) -> tuple[int, int]:
        """Return what an account has spent today, and what is reserved beside it."""
        with self._transaction():
            self._give_back_of_the_dead()
            return self._spent(self._day(today), account)

    # ----

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _one(self, sql: str, *values: Any) -> Any:
        return self._database.execute(sql, values).fetchone()

    def _day(self, today: str) -> str:
        """Return the day that counts, and forget what is long past when a new one begins."""
        known = self._one("SELECT MAX(day) FROM latest")[0]
        if known is None or today > known:
            self._database.execute("DELETE FROM latest")
            self._database.execute("INSERT INTO latest VALUES (?)", (today,))
            oldest = (date.fromisoformat(today) - _KEPT).isoformat()
            for table in ("spent", "open", "settled"):
                self._database.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))  # noqa: S608  # our own names
            return today
        if date.fromisoformat(known) - date.fromisoformat(today) > timedelta(days=1):
            raise ClockError(f"it is {today} by the clock, and calls were accounted on {known}")
        return str(known)

    def _shortage(self, day: str, accounts: tuple[Account, ...], amount: int) -> Short | None:
        for account in accounts:
            spent, reserved = self._spent(day, account.name)
            if spent + reserved + amount > account.limit:
                return Short(account, spent, reserved, spent + amount <= account.limit)
        return None

    def _spent(self, day: str, account: str) -> tuple[int, int]:
        row = self._one("SELECT amount FROM spent WHERE day = ? AND account = ?", day, account)
        spent, reserved = 0 if row is None else row[0], 0
        column = "team" if account.startswith("team:") else "user"
        sql = f"SELECT owner, state, SUM(amount) FROM open WHERE day = ? AND {column} = ? GROUP BY owner, state"  # noqa: S608  # one of two names
        for owner, state, amount in self._database.execute(sql, (day, account)).fetchall():
            if state == _SENT and not self._owners.is_alive(owner):
                spent += amount  # it may have been spent, and nobody here will say so
            else:
                reserved += amount
        return spent, reserved

    def _spend(self, day: str, account: str, amount: int) -> None:
        sql = "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (day, account) DO UPDATE SET amount = amount + ?3"
        self._database.execute(sql, (day, account, amount))

    def _give_back_of_the_dead(self) -> bool:
        """Give back what dead processes had reserved and never sent. Return whether anything was."""
        owners = self._database.execute("SELECT DISTINCT owner FROM open WHERE state = ?", (_RESERVED,)).fetchall()
        dead = [owner for (owner,) in owners if not self._owners.is_alive(owner)]
        for owner in dead:
            self._database.execute("DELETE FROM open WHERE owner = ? AND state = ?", (owner, _RESERVED))
        return bool(dead)


class OpenAccounts:
    """The accounts of a process, by the path of their database; each is opened when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Path, tuple[int, Accounts]] = {}

    def of(self, path: Path) -> Accounts:
        """Return the accounts in a file. After a fork they are opened anew: the child is a process of its own."""
        with self._lock:
            process, accounts = self._open.get(path, (0, None))
            if accounts is not None and process == os.getpid() and not path.exists():
                accounts.close()  # something has removed the file
                accounts = None
            if accounts is None or process != os.getpid():
                accounts = Accounts(path)
                self._open[path] = os.getpid(), accounts
            return accounts
