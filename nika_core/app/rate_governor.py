"""Keeps all runs of a user on this machine, together, within the rates of models: two runs share one key's limits.

It is off with `governor: false` in the project file, and if its file cannot be used: then each run keeps to the rates
by itself, and the user is told so once.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final, TypeVar

from nika_core.app.rate_store import BUSY_SECONDS, Level, RateStore
from nika_core.app.workspace import Workspace
from nika_core.engine.llm.limiter import OnWait, ignore_wait
from nika_core.journal.patience import Patience
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.user_folders import user_folder
from nika_core.plugin import Provider, RateLimit

T = TypeVar("T")
_POLL: Final = 0.25  # seconds between two questions, at most
_SHARED: Final = "all of your runs share what the server, or the plugin of the provider, allows a minute"
_ALL: Final = "*"  # all models of a provider


def governor_path(environ: Mapping[str, str]) -> Path:
    """Return the file of this user's runs."""
    return user_folder(environ, "XDG_STATE_HOME") / "rates.db"


def governor_of(workspace: Workspace, notice: Callable[[str], None]) -> RateGovernor | None:
    """Return what a run shares rates by; None if the project does without it, or its time is not the machine's."""
    if not workspace.project.governor or not isinstance(workspace.clock, SystemClock):
        return None
    path = governor_path(workspace.environ)
    return RateGovernor(path, token_hex(8), workspace.environ, workspace.clock, notice)


class RateGovernor:
    """One for each run; `run` tells it apart from all others. One event loop."""

    def __init__(
        self,
        path: Path,
        run: str,
        environ: Mapping[str, str],
        clock: Clock,
        notice: Callable[[str], None],
    ) -> None:
        self._path = path
        self._run = run
        self._environ = environ
        self._clock = clock
        self._notice = notice
        self._patience = Patience(BUSY_SECONDS)
        self._store: RateStore | None = None
        self._failed = False
        self._in_use = False
        self._look_again = 0.0  # by the monotonic clock
        self._turns: dict[str, asyncio.Lock] = {}
        self._thread = ThreadPoolExecutor(1, "nika-rates")  # SQLite waits for other processes

    async def acquire(
        self, provider: Provider, model: str, wants: Mapping[str, float], on_wait: OnWait = ignore_wait
    ) -> None:
        """Wait until one more call is within the rates of all runs, which takes so much of each kind of limit."""
        declared = {
            kind: Level(float(limit), float(limit), limit / 60)
            for kind, limit in (("requests", provider.requests_per_minute), ("tokens", provider.tokens_per_minute))
            if limit
        }
        if declared:
            await self._acquire(provider, _ALL, wants, declared, on_wait)
        if self._has_file():
            await self._acquire(provider, model, wants, {}, on_wait)

    async def wait(self, provider: Provider, model: str, wants: Mapping[str, float]) -> float:
        """Return the seconds that a call would wait now."""
        if not self._has_file():
            return 0.0
        now = self._clock.time()
        return await self._ask(lambda store: store.wait(self._account(store, provider, model), wants, now)) or 0.0

    def learn(self, provider: Provider, model: str, limits: Mapping[str, RateLimit]) -> None:
        """Take what a server says of its limits, by their kinds. Nothing waits for that."""
        levels, now = {kind: _level(limit) for kind, limit in limits.items()}, self._clock.time()
        if levels:
            self._tell(lambda store: store.learn(self._account(store, provider, model), levels, now))

    def pause(self, provider: Provider, model: str, seconds: float) -> None:
        """Let every run wait: the server says so. Nothing waits for that."""
        now = self._clock.time()
        self._tell(lambda store: store.pause(self._account(store, provider, model), seconds, now))

    async def close(self) -> None:
        """Give up the run's turns."""
        self._patience.hurry()
        if self._in_use:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        self._thread.shutdown(wait=False)

    def _end(self) -> None:
        if self._store is not None:
            with suppress(sqlite3.Error, OSError):
                self._store.leave(self._run)
            self._store.close()

    async def _acquire(
        self,
        provider: Provider,
        model: str,
        wants: Mapping[str, float],
        declared: Mapping[str, Level],
        on_wait: OnWait,
    ) -> None:
        def ask(store: RateStore) -> float:
            account = self._account(store, provider, model)
            return store.ask(account, self._run, wants, self._clock.time(), declared)

        turn = self._turns.setdefault(f"{provider.name}/{model}", asyncio.Lock())  # one call of a run waits
        if turn.locked():
            on_wait(_POLL, _SHARED)
        async with turn:
            waits = False
            try:
                while (seconds := await self._ask(ask)) is not None and seconds > 0:
                    waits = True
                    on_wait(seconds, _SHARED)
                    await self._clock.sleep(min(seconds, _POLL))
            except asyncio.CancelledError:
                if waits and not self._failed:  # nobody is to wait for its turn
                    self._thread.submit(self._answer, lambda store: self._give_up(store, provider, model))
                raise

    def _give_up(self, store: RateStore, provider: Provider, model: str) -> None:
        store.give_up(self._account(store, provider, model), self._run)

    def _has_file(self) -> bool:
        """Return whether any run has ever known of a limit; looked up no more often than a call asks for its turn."""
        now = self._clock.monotonic()
        if not self._in_use and not self._failed and now >= self._look_again:
            self._look_again = now + _POLL
            try:
                self._in_use = self._path.exists()
            except OSError as error:  # a folder that may not be looked into
                self._fail(error)
        return self._in_use

    async def _ask(self, question: Callable[[RateStore], T]) -> T | None:
        """Return the store's answer; None if it cannot be used."""
        if self._failed:
            return None
        self._in_use = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return None

    def _tell(self, statement: Callable[[RateStore], None]) -> None:
        """Have the store take something, after all that it was asked before."""
        if self._failed:
            return
        self._in_use = True
        loop = asyncio.get_running_loop()

        def take() -> None:
            try:
                self._answer(statement)
            except (sqlite3.Error, OSError) as error:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._fail, error)

        self._thread.submit(take)

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self._notice(
                f"{self._path} cannot be used ({error}): this run does not share the rates of models with other runs. "
                "Move the file away, or set `governor: false` in nika.yaml."
            )

    def _answer(self, question: Callable[[RateStore], T]) -> T:
        if self._store is None:
            self._store = RateStore(self._path, self._patience)
        return question(self._store)

    def _account(self, store: RateStore, provider: Provider, model: str) -> str:
        """Return the account of a model: a hash, from which neither the key nor the server can be read."""
        names = sorted({*provider.secrets, *provider.optional_secrets, *provider.secrets_unless})
        parts = [provider.name, model, *(f"{name}={self._environ.get(name, '')}" for name in names)]
        text = "\0".join(parts).encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, key=store.salt, digest_size=16).hexdigest()


def _level(limit: RateLimit) -> Level:
    capacity = float(max(limit.limit or 0, limit.left, 1))
    return Level(float(limit.left), capacity, max(capacity - limit.left, 1.0) / max(limit.reset_seconds, 0.001))
