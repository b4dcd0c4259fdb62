"""Requests and tokens per minute, on a clock that is passed in.

A minute's worth may go at once, then the rate holds; calls go in the order in which they came. (`aiolimiter` does the
same on the event loop's own time only, which a test, or a simulated run of twelve hours, cannot turn.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from nika_core.model.clock import Clock

_MINUTE: Final = 60.0
OnWait = Callable[[float, str], None]  # takes the seconds that a call waits for a rate, and why


def ignore_wait(seconds: float, cause: str) -> None:
    """Take that a call waits, and tell nobody."""


class _Bucket:
    """Holds at most one minute's worth, and fills evenly."""

    __slots__ = ("_clock", "_filled_at", "_level", "per_minute")

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._level = float(per_minute)
        self._filled_at = clock.monotonic()

    def missing(self, amount: float) -> float:
        """Return the seconds until `amount` is there; more than a minute's worth waits for a full minute's worth."""
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
        self._turn = asyncio.Lock()
        self._wait = 0.0, ""  # what the call waits for whose turn it is

    async def acquire(self, tokens: int, on_wait: OnWait = ignore_wait) -> None:
        """Wait until one more call of `tokens` (prompt and reply, at worst) is within the rates."""
        if self._turn.locked():
            on_wait(*self._wait)
        async with self._turn:
            while (seconds := self._missing(tokens)) > 0:
                self._wait = seconds, self._cause(tokens)
                on_wait(*self._wait)
                await self._clock.sleep(seconds)
            if self._requests is not None:
                self._requests.take(1)
            if self._tokens is not None:
                self._tokens.take(tokens)

    def _missing(self, tokens: int) -> float:
        waits = [0.0]
        if self._requests is not None:
            waits.append(self._requests.missing(1))
        if self._tokens is not None:
            waits.append(self._tokens.missing(tokens))
        return max(waits)

    def _cause(self, tokens: int) -> str:
        if self._tokens is not None and self._tokens.missing(tokens) >= self._missing(tokens):
            return f"the plugin of the provider allows {self._tokens.per_minute:,} tokens a minute"
        allowed = 0 if self._requests is None else self._requests.per_minute
        return f"the plugin of the provider allows {allowed:,} requests a minute"
