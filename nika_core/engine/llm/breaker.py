"""A circuit breaker: stops calling a model that is down, and finds out with one call at a time when it is back.

Closed: all calls go. After `failures` failures in a row it opens: calls are refused at once. After `cool_down` seconds
the next call is the probe (half-open); who comes meanwhile waits for its end. `successes` good probes, one after the
other, close it; a bad one opens it again and refuses all who wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import StrEnum
from typing import Final

from nika_core.errors import Category, TaskError
from nika_core.model.bounded import shorten
from nika_core.model.clock import Clock
from nika_core.model.limits import LimitKind, Limits
from nika_core.values import dataclass

# What speaks of the provider's health. A wrong key, a refused request or a quota says nothing about it.
UNHEALTHY: Final = frozenset({Category.NETWORK, Category.PROVIDER, Category.TIMEOUT})

_MAX_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """`cool_down` in seconds."""

    failures: int = 3
    successes: int = 2
    cool_down: float = 60.0

    @classmethod
    def of(cls, limits: Limits) -> BreakerSettings:
        """Return what the limit policies say; the defaults where they say nothing."""
        default = cls()
        return cls(
            limits.counts.get(LimitKind.BREAKER_FAILURES, default.failures),
            limits.counts.get(LimitKind.BREAKER_SUCCESSES, default.successes),
            limits.amounts.get(LimitKind.BREAKER_SECONDS, default.cool_down),
        )


class BreakerState(StrEnum):
    """Where it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "halfOpen"


class Breaker:
    """One for each model and run. One event loop; no timers: time is looked at when somebody calls."""

    def __init__(self, name: str, clock: Clock, settings: BreakerSettings | None = None) -> None:
        self.name = name
        self.state = BreakerState.CLOSED
        self._told = BreakerState.CLOSED
        self._settings = settings or BreakerSettings()
        self._clock = clock
        self._failures = 0
        self._reason = ""
        self._successes = 0
        self._opened_at = 0.0
        self._generation = 0  # results of calls from before the last change of state no longer count
        self._probing = False
        self._waiters: deque[asyncio.Future[None]] = deque()

    def change(self) -> tuple[BreakerState, BreakerState] | None:
        """Return from which state to which it has changed since this was asked last; None: it has not."""
        before, self._told = self._told, self.state
        return None if before is self.state else (before, self.state)

    async def enter(self) -> Permit:
        """Wait for leave to call. Raises TaskError (category circuitOpen) when the provider is taken to be down."""
        while True:
            if self.state is BreakerState.CLOSED:
                return Permit(self, self._generation, probe=False)
            if self.state is BreakerState.OPEN:
                self.refuse_while_open()
                self._become(BreakerState.HALF_OPEN)
            if not self._probing:
                self._probing = True
                return Permit(self, self._generation, probe=True)
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif not waiter.cancelled():  # it was woken as the next probe; somebody else must be
                    self._wake_next()
                raise

    def refuse_while_open(self) -> None:
        """Raise what `enter` would raise at once, before anything is prepared for nothing."""
        if self.state is BreakerState.OPEN and self._cooling() > 0:
            raise self._refusal()

    def _cooling(self) -> float:
        return self._settings.cool_down - (self._clock.monotonic() - self._opened_at)

    def _refusal(self) -> TaskError:
        reason = f": {shorten(self._reason, _MAX_REASON).rstrip('.')}" if self._reason else ""
        return TaskError(
            f"The model '{self.name}' failed {self._failures} times in a row{reason}. It is not called for now, and is "
            f"tried again in {max(0.0, self._cooling()):.0f} s. Nothing was sent.",
            category=Category.CIRCUIT_OPEN,
            hint="See 'nika providers --check'; the run can be resumed later, and `fallback` names models for now.",
        )

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self._generation += 1
        self._probing = False
        self._successes = 0
        if state is BreakerState.CLOSED:
            self._failures = 0
        if state is BreakerState.OPEN:
            self._opened_at = self._clock.monotonic()
        if state is not BreakerState.HALF_OPEN:  # all who wait look again: they go, or are refused
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()

    def _wake_next(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _end(self, generation: int, good: bool | None, reason: str = "") -> None:
        if generation != self._generation:
            return
        if good is False:
            self._reason = reason
        if self.state is BreakerState.CLOSED:
            if good is None:
                return
            self._failures = 0 if good else self._failures + 1
            if self._failures >= self._settings.failures:
                self._become(BreakerState.OPEN)
            return
        self._probing = False
        if good is False:
            self._failures += 1
            self._become(BreakerState.OPEN)
            return
        self._successes += 1 if good else 0
        if self._successes >= self._settings.successes:
            self._become(BreakerState.CLOSED)
        else:
            self._wake_next()


class Permit:
    """Leave for one call. Ended exactly once; later ends are ignored."""

    __slots__ = ("_breaker", "_generation", "_open", "probe")

    def __init__(self, breaker: Breaker, generation: int, *, probe: bool) -> None:
        self._breaker = breaker
        self._generation = generation
        self._open = True
        self.probe = probe

    def succeeded(self) -> None:
        """Note that the provider answered."""
        self._end(True)

    def failed(self, category: Category, reason: str = "") -> None:
        """Note that a call failed; only some categories speak of the provider's health. `reason` is for people."""
        if category in UNHEALTHY:
            self._end(False, reason)
        elif category in {Category.VALIDATION, Category.CONFIG, Category.RATE_LIMIT}:
            self._end(True if self.probe else None)  # it answered, if only to say no
        else:
            self._end(None)

    def abandoned(self) -> None:
        """Note that a call was cancelled, or never made, so that nothing was learnt."""
        self._end(None)

    def _end(self, good: bool | None, reason: str = "") -> None:
        if self._open:
            self._open = False
            self._breaker._end(self._generation, good, reason)
