"""What shares the rates of models among runs, as the caller asks it."""

from __future__ import annotations

from typing import Protocol

from nika_core.plugin import Provider, RateState


class Governor(Protocol):
    """Knows of all runs of a user. Raises nothing but cancellation."""

    async def acquire(self, provider: Provider, model: str, tokens: int) -> None:
        """Wait until one more call of `tokens` (prompt and reply, at worst) is within the rates."""
        ...

    async def learn(self, provider: Provider, model: str, state: RateState) -> None:
        """Take what a server says of its limits."""
        ...

    async def pause(self, provider: Provider, model: str, seconds: float) -> None:
        """Let every run wait: the server says so."""
        ...

    async def close(self) -> None:
        """The run has ended."""
        ...
