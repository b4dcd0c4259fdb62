"""Time that goes on only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from itertools import count
from typing import Any, Final, TypeVar

T = TypeVar("T")

_START: Final = 1_700_000_000.0  # seconds since the epoch; any will do, so long as it is always the same
_MOST_ROUNDS: Final = 10_000  # of the event loop, within which what can go on without time has done so


class ManualClock:
    """A `Clock` that a test advances. Who sleeps is woken at exactly its time, in the order of times.

    `advance` moves time by hand; `run` lets it jump from one sleeper to the next whenever nothing else is left to do,
    so that twelve hours pass in a moment. Neither knows of threads and sockets: what waits for those looks idle.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return _START + self._now

    def monotonic(self) -> float:
        """Return the seconds since the clock's start."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Sleep until the time has been advanced by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        """Advance the time, waking one sleeper after the other; each does what it wants before the next."""
        until = self._now + seconds
        await wait_until_idle()
        while (when := self._next()) is not None and when <= until:
            self._wake(when)
            await wait_until_idle()
        self._now = until

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work`, with the time jumping to the next sleeper whenever nothing else is left to do."""
        task = asyncio.get_running_loop().create_task(work)
        try:
            while not task.done():
                await wait_until_idle()
                when = self._next()
                if task.done() or when is None:
                    break
                self._wake(when)
            return await task
        finally:
            task.cancel()

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():  # cancelled while it slept
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake(self, when: float) -> None:
        self._now = max(self._now, when)
        heapq.heappop(self._sleepers)[2].set_result(None)


async def wait_until_idle() -> None:
    """Wait until everything that needs neither time nor threads nor sockets is done."""
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    for _ in range(_MOST_ROUNDS if ready is not None else 100):
        await asyncio.sleep(0)
        if ready is not None and not ready:
            return
