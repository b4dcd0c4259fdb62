"""Shares the event loop among work that keeps it busy: starts of processes, calls to models, text that came at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

SLICE: Final = 0.005  # seconds of such work, after which everybody else has a turn


class FairTurns:
    """Lets work go on for a slice of time, then lets the event loop do everything else that is ready.

    A thousand commands are ready at once, and to start one takes a millisecond; so does a call to a model. Started in
    one go, none of them could end before the last has begun: not even one whose time is over meanwhile.

    Args:
        now: real time in seconds, whatever the run's clock says.
    """

    __slots__ = ("_lock", "_now", "_until", "_waiting")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._waiting = 0

    @property
    def over(self) -> bool:
        """Whether the slice is over: work in pieces that are at hand asks for a turn then."""
        return self._now() >= self._until

    async def acquire(self) -> None:
        """Return when it is one's turn; in the order of asking."""
        if not self._waiting and not self.over:
            return
        self._waiting += 1
        try:
            async with self._lock:
                if self.over:
                    await asyncio.sleep(0)
                    self._until = self._now() + SLICE
        finally:
            self._waiting -= 1
