"""What a server itself says of its limits for one model: how much is left of them, and how long to wait.

A server says with each answer how many requests and tokens are left and when all of them are there again. Calls wait
until what they take has come back, so that the limit is met before the server has to refuse. After a refusal every call
to the model waits as long as the server asks for.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nika_core.engine.llm.limiter import MAX_PAUSE
from nika_core.model.clock import Clock
from nika_core.plugin import RateLimit, RateState

_LONGEST: Final = 24 * 3600.0  # seconds; who speaks of more than a day is not believed


class _Account:
    """One limit. `level` is what is left, and comes back evenly."""

    __slots__ = ("_at", "_capacity", "_clock", "_level", "_per_second")

    def __init__(self, clock: Clock, limit: RateLimit) -> None:
        self._clock = clock
        self._at = clock.monotonic()
        self._level = float(limit.left)
        whole = float(limit.limit if limit.limit is not None else max(limit.left, 1))
        self._capacity = max(whole, self._level)
        self._per_second = max(self._capacity - self._level, 1.0) / max(limit.reset_seconds, 0.001)

    def missing(self, amount: float) -> float:
        """Return the seconds until `amount` is left; more than the whole limit waits for all of it."""
        now = self._clock.monotonic()
        self._level = min(self._capacity, self._level + (now - self._at) * self._per_second)
        self._at = now
        short = min(amount, self._capacity) - self._level
        return short / self._per_second if short > 1e-6 * self._capacity else 0.0

    def take(self, amount: float) -> None:
        self._level -= amount


class Quota:
    """One for each model and run. Cancelling a wait takes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._requests: _Account | None = None
        self._tokens: _Account | None = None
        self._resume_at = clock.monotonic()
        self._turn = asyncio.Lock()

    async def acquire(self, tokens: int) -> None:
        """Wait until one more call of `tokens` (prompt and reply, at worst) is within what the server said."""
        async with self._turn:
            while (seconds := self.wait(tokens)) > 0:
                await self._clock.sleep(min(seconds, MAX_PAUSE))
                if seconds > MAX_PAUSE:
                    break  # a longer wait is the task's own affair: its attempt's time is limited
            for account, amount in ((self._requests, 1), (self._tokens, tokens)):
                if account is not None:
                    account.take(amount)

    def wait(self, tokens: int) -> float:
        """Return the seconds that a call would wait now."""
        waits = [self._resume_at - self._clock.monotonic()]
        waits += [
            account.missing(amount)
            for account, amount in ((self._requests, 1), (self._tokens, tokens))
            if account is not None
        ]
        return max(0.0, *waits)

    def pause(self, seconds: float) -> None:
        """Let every call wait: the server says so."""
        self._resume_at = max(self._resume_at, self._clock.monotonic() + min(seconds, MAX_PAUSE))

    def learn(self, state: RateState) -> None:
        """Take what a server says of its limits; what cannot be true is not taken."""
        state = believed(state)
        if state.requests is not None:
            self._requests = _Account(self._clock, state.requests)
        if state.tokens is not None:
            self._tokens = _Account(self._clock, state.tokens)


def believed(state: RateState) -> RateState:
    """Return what can be true of what a server says."""
    requests, tokens = (
        limit if isinstance(limit, RateLimit) and _believable(limit) else None
        for limit in (state.requests, state.tokens)
    )
    return RateState(requests, tokens)


def _believable(limit: RateLimit) -> bool:
    numbers = [limit.left, limit.reset_seconds, *([] if limit.limit is None else [limit.limit])]
    fits = all(isinstance(each, int | float) and not isinstance(each, bool) and each >= 0 for each in numbers)
    return fits and limit.reset_seconds <= _LONGEST and limit.limit != 0
