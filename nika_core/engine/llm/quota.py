"""What a server itself says of its limits for one model: how much is left of them, and how long to wait.

A server says with each answer how many requests and tokens are left and when all of them are there again. Calls wait
until what they take has come back, so that the limit is met before the server has to refuse. After a refusal every call
to the model waits as long as the server asks for.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nika_core.engine.llm.limiter import OnWait, ignore_wait
from nika_core.model.clock import Clock
from nika_core.plugin import RateLimit, RateState

MAX_PAUSE: Final = 60.0  # a longer wait is the task's own affair: its attempt's time is limited
_KINDS: Final = {"input_tokens": "tokens of prompts", "output_tokens": "tokens of answers"}
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

    @property
    def per_minute(self) -> int:
        """How much comes back in a minute."""
        return max(1, round(self._per_second * 60))


class Quota:
    """One for each model and run. Cancelling a wait takes nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self._resume_at = clock.monotonic()
        self._turn = asyncio.Lock()
        self._wait = 0.0, ""  # what the call waits for whose turn it is

    async def acquire(self, tokens: int, output: int = 0, on_wait: OnWait = ignore_wait) -> None:
        """Wait until one more call is within what the server said.

        Args:
            tokens: of prompt and reply, at worst.
            output: of the reply alone.
        """
        if self._turn.locked():
            on_wait(*self._wait)
        async with self._turn:
            while (seconds := self.wait(tokens, output)) > 0:
                self._wait = min(seconds, MAX_PAUSE), self._cause(tokens, output)
                on_wait(*self._wait)
                await self._clock.sleep(min(seconds, MAX_PAUSE))
                if seconds > MAX_PAUSE:
                    break  # a longer wait is the task's own affair: its attempt's time is limited
            for kind, amount in wants_of(tokens, output).items():
                if kind in self._accounts:
                    self._accounts[kind].take(amount)

    def wait(self, tokens: int, output: int = 0) -> float:
        """Return the seconds that a call would wait now."""
        wants = wants_of(tokens, output)
        missing = (account.missing(wants[kind]) for kind, account in self._accounts.items())
        return max(0.0, self._resume_at - self._clock.monotonic(), *missing)

    def _cause(self, tokens: int, output: int) -> str:
        wants = wants_of(tokens, output)
        missing, kind = max(
            ((each.missing(wants[kind]), kind) for kind, each in self._accounts.items()), default=(0, "")
        )
        if self._resume_at - self._clock.monotonic() > missing:
            return "the server asked to wait"
        return f"the server allows about {self._accounts[kind].per_minute:,} {_KINDS.get(kind, kind)} a minute"

    def pause(self, seconds: float) -> None:
        """Let every call wait: the server says so."""
        self._resume_at = max(self._resume_at, self._clock.monotonic() + min(seconds, MAX_PAUSE))

    def learn(self, state: RateState) -> None:
        """Take what a server says of its limits; what cannot be true is not taken."""
        for kind, limit in believed_limits(state).items():
            self._accounts[kind] = _Account(self._clock, limit)


def wants_of(tokens: int, output: int) -> dict[str, float]:
    """Return what a call takes of each kind of limit."""
    return {"requests": 1, "tokens": tokens, "input_tokens": max(0, tokens - output), "output_tokens": output}


def believed_limits(state: RateState) -> dict[str, RateLimit]:
    """Return what can be true of what a server says, by the kind of limit."""
    limits = {kind: getattr(state, kind) for kind in wants_of(0, 0)}
    return {kind: limit for kind, limit in limits.items() if isinstance(limit, RateLimit) and _believable(limit)}


def _believable(limit: RateLimit) -> bool:
    numbers = [limit.left, limit.reset_seconds, *([] if limit.limit is None else [limit.limit])]
    fits = all(isinstance(each, int | float) and not isinstance(each, bool) and each >= 0 for each in numbers)
    return fits and limit.reset_seconds <= _LONGEST and limit.limit != 0
