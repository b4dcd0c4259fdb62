"""The one thread that writes: it commits in groups what any number of tasks has recorded.

To record is to append to a queue. The thread is woken by the first entry, lets more gather for a moment unless a caller
waits, and writes all of them with as few statements as possible: each statement hands Python's lock back and forth
once, and a busy event loop may keep it for milliseconds each time.

What cannot be written stays in the queue, and is tried again with the next entry, or when a caller waits for it: a
disk that was full for a while costs nothing but time.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from nika_core.errors import JournalError
from nika_core.journal import faults
from nika_core.journal.patience import is_held
from nika_core.journal.rows import Entry, commit
from nika_core.journal.store import Store

GATHER: Final = 0.02  # seconds
_AT_ONCE: Final = 4096  # entries in one transaction

T = TypeVar("T")
_Waiter = tuple[int, "asyncio.Future[None] | Future[None]"]


class JournalWriter:
    """Entries in, durable rows out. Used from one thread; appending never waits and raises nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: deque[Entry] = deque()
        self._waiting: deque[_Waiter] = deque()
        self._calls: deque[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]] = deque()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._awake = False
        self._closing = False
        self._appended = 0
        self._written = 0
        self._connection = store.writer()  # the only one that writes
        self._thread = threading.Thread(target=self._work, name="nika-journal", daemon=True)
        self._thread.start()

    def append(self, entries: Sequence[Entry]) -> None:
        """Write them soon."""
        self._queue.extend(entries)
        self._appended += len(entries)
        if not self._awake:
            self._awake = True
            self._wake.set()

    async def barrier(self) -> None:
        """Wait until everything appended so far is durable. Raises JournalError when it cannot be made so."""
        if self._written < self._appended:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._ask(future)
            await future

    def flush(self) -> None:
        """Do the same for a caller without an event loop."""
        if self._written < self._appended:
            future: Future[None] = Future()
            self._ask(future)
            self._result(future)

    def call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something else in one transaction, after what was appended before. Raises what `work` or SQLite raises."""
        future: Future[T] = Future()
        self._calls.append((work, future))
        self._hurry()
        return self._result(future)

    def _result(self, future: Future[T]) -> T:
        try:
            return future.result()
        except KeyboardInterrupt:
            self._store.patience.hurry()  # whoever leaves now still closes this
            raise

    def close(self) -> None:
        """Write what is left, and end the thread. Raises JournalError when not everything could be written."""
        if not self._thread.is_alive():
            return
        try:
            self.flush()
        finally:
            self._closing = True
            self._hurry()
            self._thread.join()

    def _ask(self, future: asyncio.Future[None] | Future[None]) -> None:
        self._waiting.append((self._appended, future))
        self._hurry()

    def _hurry(self) -> None:
        self._awake = True
        self._urgent.set()
        self._wake.set()

    def _work(self) -> None:
        try:
            while not self._closing:
                self._wake.wait()
                self._urgent.wait(GATHER)
                self._urgent.clear()
                self._wake.clear()
                self._awake = False  # from here on an entry wakes the thread again
                self._drain()
                while self._calls:
                    self._answer(*self._calls.popleft())
        finally:
            self._connection.close()

    def _answer(self, work: Callable[[sqlite3.Connection], Any], future: Future[Any]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            found = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            self._wait_for_others(error)
            future.set_exception(error)
        else:
            self._wait_for_others(None)
            future.set_result(found)

    def _drain(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), _AT_ONCE))]
            error = self._write(batch)
            if error is not None:
                self._queue.extendleft(reversed(batch))
                self._tell(error)
                return
            self._written += len(batch)
            self._tell(None)
        self._tell(None)  # who asked after the last entry was taken

    def _write(self, batch: list[Entry]) -> JournalError | None:
        try:
            commit(self._connection, self._store, batch)
        except Exception as error:  # whatever it is, the run goes on and is told
            self._roll_back()
            self._wait_for_others(error)
            return faults.of(error, self._store.path, "written")
        self._wait_for_others(None)
        return None

    def _wait_for_others(self, error: BaseException | None) -> None:
        """Wait only briefly for another process that has held the journal for too long, until a write succeeds.

        Else a run that is interrupted would wait as long again for each thing that it still has to say.
        """
        if is_held(error) or error is None:
            self._store.patience.brief = error is not None

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _tell(self, error: JournalError | None) -> None:
        """End the waits for what is written; on an error all of them: what they wait for does not come by itself."""
        told: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        for _ in range(len(self._waiting)):
            upto, future = self._waiting.popleft()
            if upto > self._written and error is None:
                self._waiting.append((upto, future))
            elif isinstance(future, Future):
                _end(future, None if upto <= self._written else error)
            elif upto <= self._written:
                told.setdefault(future.get_loop(), []).append(future)
            else:
                _call(future.get_loop(), [future], error)
        for loop, futures in told.items():  # one message to the loop, however many wait
            _call(loop, futures, None)


def _call(loop: asyncio.AbstractEventLoop, futures: list[asyncio.Future[None]], error: JournalError | None) -> None:
    def end() -> None:
        for future in futures:
            if not future.done():
                _end(future, error)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(end)


def _end(future: asyncio.Future[None] | Future[None], error: JournalError | None) -> None:
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
