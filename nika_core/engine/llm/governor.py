"""What shares the rates of models among runs, as the caller asks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nika_core.engine.llm.limiter import OnWait, ignore_wait
from nika_core.plugin import Provider, RateLimit


class Governor(Protocol):
    """Knows of all runs of a user. Raises nothing but cancellation."""

    async def acquire(
        self, provider: Provider, model: str, wants: Mapping[str, float], on_wait: OnWait = ignore_wait
    ) -> None:
        """Wait until one more call is within the rates, which takes so much of each kind of limit."""
        ...

    async def wait(self, provider: Provider, model: str, wants: Mapping[str, float]) -> float:
        """Return the seconds that a call would wait now."""
        ...

    def learn(self, provider: Provider, model: str, limits: Mapping[str, RateLimit]) -> None:
        """Take what a server says of its limits, by their kinds."""
        ...

    def pause(self, provider: Provider, model: str, seconds: float) -> None:
        """Let every run wait: the server says so."""
        ...

    async def close(self) -> None:
        """Leave the governor, because the run has ended."""
        ...
