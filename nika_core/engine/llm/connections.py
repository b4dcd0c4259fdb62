"""The providers that a run reaches: each with one client, its breaker and its limiter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from nika_core import codes
from nika_core.engine.llm.breaker import Breaker, BreakerSettings
from nika_core.engine.llm.limiter import Limiter
from nika_core.engine.llm.quota import Quota
from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.clock import Clock
from nika_core.model.json import JsonObject
from nika_core.plugin import Client, Price, Provider
from nika_core.values import dataclass, field


class ProviderLookup(Protocol):
    """Which providers there are. Given by the application; the engine knows no registry."""

    def choose(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Provider, str]:
        """Return the named one, or else the one that claims `model`, and the model's name there. Quick.

        Args:
            fallback: it is asked in place of another model, and may be another vendor's.

        Raises:
            NikaError: there is none.
        """
        ...

    def options(self, provider: Provider, options: Mapping[str, Any]) -> JsonObject:
        """Return `options:` of a workflow as the provider's validator returns them. Raises TaskError."""
        ...

    def connect(self, provider: Provider) -> Client:
        """Make its client. Called once for each provider and run, in a thread. Raises NikaError."""
        ...


@dataclass(slots=True)
class Connection:
    """A provider in use. `breakers` and `quotas` are by the model's name: one that is down says nothing of the others.

    `limiter` holds to the rates that its description declares; None: it declares none. `prices` are those that its
    server knows; None: it was not asked.
    """

    provider: Provider
    client: Client
    limiter: Limiter | None
    breakers: dict[str, Breaker] = field(default_factory=dict)
    quotas: dict[str, Quota] = field(default_factory=dict)
    prices: dict[str, Price] | None = None


class Connections:
    """Opens each provider once. One caller at a time."""

    def __init__(self, directory: ProviderLookup, clock: Clock, breaker: BreakerSettings | None = None) -> None:
        self._provider_lookup = directory
        self._clock = clock
        self._settings = breaker
        self._open: dict[str, Connection] = {}

    async def get(self, provider: str | None, model: str, *, fallback: bool = False) -> tuple[Connection, str]:
        """Return the connection to a model, and the model's name there.

        Raises:
            TaskError: (category config) no provider offers the model, or it cannot be set up.
        """
        try:
            chosen, name = self._provider_lookup.choose(provider, model, fallback=fallback)
            if chosen.name not in self._open:
                client = await asyncio.to_thread(self._provider_lookup.connect, chosen)
                self._open[chosen.name] = self._connection(chosen, client)
            return self._open[chosen.name], name
        except TaskError:
            raise
        except NikaError as error:
            raise TaskError(error.message, category=Category.CONFIG, code=error.code, hint=error.hint) from error

    def _connection(self, provider: Provider, client: Client) -> Connection:
        rates = provider.requests_per_minute, provider.tokens_per_minute
        return Connection(provider, client, Limiter(self._clock, *rates) if any(rates) else None)

    def options(self, connection: Connection, options: Mapping[str, Any]) -> JsonObject:
        """Return options as the client is given them. Raises TaskError (category config) for wrong ones."""
        return self._provider_lookup.options(connection.provider, options) if options else {}

    def breaker(self, connection: Connection, model: str) -> Breaker:
        """Return the circuit breaker of one model."""
        breaker = connection.breakers.get(model)
        if breaker is None:
            breaker = connection.breakers[model] = Breaker(model, self._clock, self._settings)
        return breaker

    def quota(self, connection: Connection, model: str) -> Quota:
        """Return what keeps to the limits that the server says for one model; made when it says some."""
        quota = connection.quotas.get(model)
        if quota is None:
            quota = connection.quotas[model] = Quota(self._clock)
        return quota

    async def close(self) -> None:
        """Close every client; one that fails to close does not keep the others open."""
        opened, self._open = list(self._open.values()), {}
        results = await asyncio.gather(*(each.client.close() for each in opened), return_exceptions=True)
        for result in results:
            if isinstance(result, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
                raise result


def missing_model() -> TaskError:
    """Return the error for a task for which no model is named anywhere."""
    return TaskError(
        "No model is named, neither by the task nor by the `agent:` block.",
        category=Category.CONFIG,
        code=codes.MISSING_MODEL,
        hint="Set `model:` in the `agent:` block, or give --model.",
    )
