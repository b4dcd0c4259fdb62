"""Requests and tokens per minute, on a clock that is passed in.

A minute's worth may go at once, then the rate holds; calls go in the order in which they came. When the provider
itself says how long to wait, every call waits. (`aiolimiter` does the same on the event loop's own time only, which
a test, or a simulated run of twelve hours, cannot turn.)
"""

from __future__ import annotations

import asyncio
from typing import Final

from nika_core.model.clock import Clock

_MINUTE: Final = 60.0
MAX_PAUSE: Final = 60.0  # a longer wait is the task's own affair: its attempt's time is limited


class _Bucket:
    """Holds at most one minute's worth, and fills evenly."""

    __slots__ = ("_clock", "_filled_at", "_level", "per_minute")

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._level = float(per_minute)
        self._filled_at = clock.monotonic()

    def missing(self, amount: float) -> float:
        """Seconds until `amount` is there; an amount above a minute's worth waits for a full minute's worth."""
        now = self._clock.monotonic()
        self._level = min(self.per_minute, self._level + (now - self._filled_at) * self.per_minute / _MINUTE)
        self._filled_at = now
        short = min(amount, self.per_minute) - self._level
        # A rounding error must not make anyone wait once more for nothing.
        return short * _MINUTE / self.per_minute if short > 1e-6 * self.per_minute else 0.0

    def take(self, amount: float) -> None:
        self._level -= amount  # below zero after an amount above a minute's worth: paid for by those who follow


class Limiter:
    """One for each provider and run. Cancelling a wait takes nothing."""

    def __init__(
        self, clock: Clock, requests_per_minute: int | None = None, tokens_per_minute: int | None = None
    ) -> None:
        self._clock = clock
        self._requests = _Bucket(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = _Bucket(tokens_per_minute, clock) if tokens_per_minute else None
        self._resume_at = clock.monotonic()
        self._turn = asyncio.Lock()

    async def acquire(self, tokens: int) -> None:
        """Wait until one more call of `tokens` (prompt and reply, at worst) is within the rates."""
        async with self._turn:
            while (seconds := self._missing(tokens)) > 0:
                await self._clock.sleep(seconds)
            if self._requests is not None:
                self._requests.take(1)
            if self._tokens is not None:
                self._tokens.take(tokens)

    def pause(self, seconds: float) -> None:
        """The provider says to wait that long."""
        self._resume_at = max(self._resume_at, self._clock.monotonic() + min(seconds, MAX_PAUSE))

    def _missing(self, tokens: int) -> float:
        waits = [self._resume_at - self._clock.monotonic()]
        if self._requests is not None:
            waits.append(self._requests.missing(1))
        if self._tokens is not None:
            waits.append(self._tokens.missing(tokens))
        return max(waits)
