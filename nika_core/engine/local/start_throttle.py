"""Starts that keep the event loop busy, one after the other, with turns for everything else in between."""

from __future__ import annotations

import asyncio
from typing import Final

SLICE: Final = 0.005  # seconds of starting, after which everybody else has a turn


class StartThrottle:
    """A thousand commands are ready at once, and to start one takes a millisecond. Started in one go, none of them
    could end before the last has begun: not even one whose time is over meanwhile.
    """

    __slots__ = ("_lock", "_until", "_waiting")

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._waiting = 0

    async def acquire(self) -> None:
        """Come back when it is one's turn to start; in the order of asking."""
        now = asyncio.get_running_loop().time  # real time, whatever the run's clock says
        if not self._waiting and now() < self._until:
            return
        self._waiting += 1
        try:
            async with self._lock:
                if now() >= self._until:
                    await asyncio.sleep(0)
                    self._until = now() + SLICE
        finally:
            self._waiting -= 1
