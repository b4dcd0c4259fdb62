"""What models take beyond what they are asked to: counted while it comes, and stopped if a budget has no more room.

A reservation holds what a call takes if its server keeps to `maxTokens` and counts as we do. A server need not. So a
reply whose text is certainly too long makes its reservation grow, and with it those of all calls in flight to the same
model: by as much as it is longer, and one more piece like the longest. A call that gets no room for that is stopped,
and no more of it is read. Later calls to the model reserve the excess beforehand. So a run goes over a limit by no more
than a model's first surprise: one piece of a stream, or what is in flight if replies come whole.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import TracebackType
from typing import Final, Self

from nika_core.engine.llm.ledger import Shortage
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.usage_settlement import MOST_PER_TOKEN, InFlightCall
from nika_core.errors import Category, TaskError
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import ModelInfo

_BYTES_PER_TOKEN: Final = 4  # as in `tokens_of`


class Excesses:
    """By how many tokens each model of a run took more than it was asked to. One event loop."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._most: dict[tuple[str, str], int] = {}
        self._meters: dict[tuple[str, str], dict[ReplyMeter, None]] = {}
        self._pieces: dict[tuple[str, str], int] = {}

    def of(self, provider: str, model: str) -> int:
        """Return the tokens that a call to a model may take beyond what it is asked for, as far as is known."""
        return self._most.get((provider, model), 0)

    def cost(self, provider: str, info: ModelInfo, tokens: int) -> Decimal | None:
        """Return what so many tokens of a reply cost, in US dollars; None: they have no known price."""
        return self._prices.cost(provider, info, Usage(0, tokens)) if tokens else Decimal(0)

    def learn(self, in_flight: InFlightCall, tokens: int) -> None:
        """Keep by how much a call took more than it was asked to, if it did."""
        key = in_flight.connection.provider.name, in_flight.info.name
        self._most[key] = max(self._most.get(key, 0), tokens - in_flight.worst.total_tokens)

    def enter(self, meter: ReplyMeter) -> None:
        """Let a call grow with the others to its model."""
        self._meters.setdefault(meter.model, {})[meter] = None
        if excess := self._most.get(meter.model, 0):
            meter.grow_within_task(excess)

    def leave(self, meter: ReplyMeter) -> None:
        """Forget a call that has ended."""
        self._meters[meter.model].pop(meter, None)

    def overlong(self, meter: ReplyMeter, tokens: int, piece: int) -> None:
        """Make room for what a reply and all like it may have next; stop those that get none."""
        key = meter.model
        longest = self._pieces[key] = max(self._pieces.get(key, 0), piece)
        may_be = meter.in_flight.prompt + tokens + longest
        meter.grow(may_be)
        self.learn(meter.in_flight, may_be)
        for other in [each for each in self._meters[key] if each is not meter]:
            other.grow_within_task(self._most[key])


class ReplyMeter:
    """Counts the text of a reply that may have `max_tokens`.

    It is a context in which the reply is read, and ends with TaskError if it is stopped. `stopped`: the error that
    stopped it; what comes from then on is not read any more.
    """

    def __init__(self, excesses: Excesses, in_flight: InFlightCall, max_tokens: int) -> None:
        self.in_flight = in_flight
        self.model = in_flight.connection.provider.name, in_flight.info.name
        self.stopped: TaskError | None = None
        self._excesses = excesses
        self._max_tokens = max_tokens
        self._bytes = 0
        self._scope = asyncio.timeout(None)
        self._is_read = False

    async def __aenter__(self) -> Self:
        self._excesses.enter(self)
        if self.stopped is not None:
            self._excesses.leave(self)
            self.stopped.usage = NOTHING  # nothing was sent
            raise self.stopped
        self._is_read = True
        await self._scope.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._excesses.leave(self)
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError:
            if self.stopped is None:
                raise
            raise self.stopped from None

    def end(self) -> None:
        """Note that the reply is whole, so that nothing stops it any more."""
        self._excesses.leave(self)

    def add(self, text: str) -> None:
        """Count a piece of text that came, perhaps an empty one. Raise TaskError if no more can be read."""
        self.in_flight.answered = True
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        self._bytes += size
        tokens = -(-self._bytes // _BYTES_PER_TOKEN)
        if tokens > self._max_tokens * MOST_PER_TOKEN:
            self._excesses.overlong(self, tokens, -(-size // _BYTES_PER_TOKEN))
            if self.stopped is not None:
                raise self.stopped

    def grow_within_task(self, excess: int) -> None:
        """Reserve what the model may take more, up to the limit of the task: a longer reply will be stopped there."""
        bound = self.in_flight.reservation.task_bound
        most = self.in_flight.worst.total_tokens + excess
        self.grow(most if bound is None else min(most, bound))

    def grow(self, tokens: int) -> None:
        """Reserve at least so much, or stop the call."""
        in_flight, excess = self.in_flight, max(0, tokens - self.in_flight.worst.total_tokens)
        cost = self._excesses.cost(in_flight.connection.provider.name, in_flight.info, excess)
        most = None if cost is None else in_flight.worst.cost_usd + cost
        short = in_flight.reservation.grow(tokens, most)
        if short is not None and self.stopped is None:
            self.stopped = self._refusal(short, excess)
            if self._is_read:
                self._scope.reschedule(asyncio.get_running_loop().time())

    def _refusal(self, short: Shortage, excess: int) -> TaskError:
        model = self.in_flight.info.name
        tokens = -(-self._bytes // _BYTES_PER_TOKEN)
        came = f"{tokens:,} tokens of text had come" if tokens else "nothing had come"
        return TaskError(
            f"The reply of '{model}' was stopped: {short.limit} leaves no room for it. The model does not keep to "
            f"maxTokens ({self._max_tokens:,} here): its replies may be {excess:,} tokens longer than asked for, "
            f"and {came}.",
            category=Category.BUDGET,
            code=short.code,
            hint=f"Raise {short.limit}, or use a server that keeps to maxTokens.",
            output="".join(self.in_flight.text) or None,
        )
