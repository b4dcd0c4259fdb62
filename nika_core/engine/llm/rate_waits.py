"""Calls wait for the rates of their provider and model, and nobody wonders why.

The user is told once for each provider and model; a task that runs out of time meanwhile says so in its failure.
"""

from __future__ import annotations

from typing import Final

from nika_core.engine.core.ports import CallScope
from nika_core.engine.llm.governor import Governor
from nika_core.engine.llm.quota import wants_of
from nika_core.engine.llm.usage_settlement import InFlightCall

_NOTABLE: Final = 2.0  # seconds; a shorter wait is nobody's concern


class RateWaits:
    """Those of one run."""

    def __init__(self, governor: Governor | None) -> None:
        self._governor = governor
        self._told: set[tuple[str, str]] = set()

    async def acquire(self, in_flight: InFlightCall, output: int, call: CallScope) -> None:
        """Wait until a call is within all rates.

        Args:
            output: tokens of the reply, at most.
        """
        connection, model = in_flight.connection, in_flight.info.name
        quota, limiter = connection.quotas.get(model), connection.limiter
        tokens = in_flight.worst.total_tokens

        def on_wait(seconds: float, cause: str) -> None:
            if call.on_wait is not None:
                call.on_wait(f"a call to '{model}' still waited to be sent: {cause}")
            name = connection.provider.name
            if seconds > _NOTABLE and (name, model) not in self._told:
                self._told.add((name, model))
                call.notice(
                    f"Calls to '{model}' ({name}) have to wait, this one for about {seconds:.0f} s: {cause}. A call "
                    "counts with its prompt and its `maxTokens`."
                )

        try:
            if quota is not None:
                await quota.acquire(tokens, output, on_wait)
            if limiter is not None:
                await limiter.acquire(tokens, on_wait)
            if self._governor is not None:
                await self._governor.acquire(connection.provider, model, wants_of(tokens, output), on_wait)
        finally:
            if call.on_wait is not None:
                call.on_wait("")
