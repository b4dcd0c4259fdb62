"""The providers that a run reaches: each with one client, its breaker and its limiter."""

from __future__ import annotations

import asyncio
from typing import Protocol

from nika_core import codes
from nika_core.engine.llm.breaker import Breaker, BreakerSettings
from nika_core.engine.llm.limiter import Limiter
from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.clock import Clock
from nika_core.plugin import Client, Provider
from nika_core.values import dataclass


class ProviderLookup(Protocol):
    """Which providers there are. Given by the application; the engine knows no registry."""

    def choose(self, provider: str | None, model: str) -> Provider:
        """The named one, or else the one that claims `model`. Quick. Raises NikaError when there is none."""
        ...

    def connect(self, provider: Provider) -> Client:
        """Make its client. Called once for each provider and run, in a thread. Raises NikaError."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """A provider in use."""

    provider: Provider
    client: Client
    breaker: Breaker
    limiter: Limiter


class Connections:
    """Opens each provider once. One caller at a time."""

    def __init__(self, directory: ProviderLookup, clock: Clock, breaker: BreakerSettings | None = None) -> None:
        self._provider_lookup = directory
        self._clock = clock
        self._settings = breaker
        self._open: dict[str, Connection] = {}

    async def get(self, provider: str | None, model: str) -> Connection:
        """Raises TaskError (category config) when no provider offers the model, or it cannot be set up."""
        try:
            chosen = self._provider_lookup.choose(provider, model)
            if chosen.name not in self._open:
                client = await asyncio.to_thread(self._provider_lookup.connect, chosen)
                self._open[chosen.name] = self._connection(chosen, client)
            return self._open[chosen.name]
        except TaskError:
            raise
        except NikaError as error:
            raise TaskError(error.message, category=Category.CONFIG, code=error.code, hint=error.hint) from error

    def _connection(self, provider: Provider, client: Client) -> Connection:
        limiter = Limiter(self._clock, provider.requests_per_minute, provider.tokens_per_minute)
        return Connection(provider, client, Breaker(provider.name, self._clock, self._settings), limiter)

    async def close(self) -> None:
        """Close every client; one that fails to close does not keep the others open."""
        opened, self._open = list(self._open.values()), {}
        results = await asyncio.gather(*(each.client.close() for each in opened), return_exceptions=True)
        for result in results:
            if isinstance(result, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
                raise result


def missing_model() -> TaskError:
    """No model is named anywhere."""
    return TaskError(
        "No model is named, neither by the task nor by the `agent:` block.",
        category=Category.CONFIG,
        code=codes.MISSING_MODEL,
        hint="Set `model:` in the `agent:` block, or give --model.",
    )
