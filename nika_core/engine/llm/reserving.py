"""What a call may take is reserved and admitted before it is sent: with a chain, for the dearest of its models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from nika_core.engine.core.ports import CallScope
from nika_core.engine.llm.admitted_calls import AdmittedCalls
from nika_core.engine.llm.batching import BatchPolicy
from nika_core.engine.llm.budget import Budget, Reservation
from nika_core.engine.llm.connections import Connection, Connections
from nika_core.engine.llm.fallback import Candidate
from nika_core.engine.llm.governor import Governor
from nika_core.engine.llm.overlong import Excesses
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.quota import wants_of
from nika_core.engine.llm.request_defaults import fitting_max_tokens, most_tokens, require_abilities, wanted_tokens
from nika_core.engine.llm.streaming import count
from nika_core.engine.llm.usage_settlement import InFlightCall
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock
from nika_core.model.usage import Usage
from nika_core.plugin import ModelRequest, estimate_tokens
from nika_core.values import dataclass, replace

_PATIENCE: Final = 2.0  # seconds that a call waits for its first model although it has a fallback


@dataclass(frozen=True, slots=True)
class _Need:
    """What a call may take: `tokens` and `cost` if its server keeps to what it is asked for, `most` and `most_cost` as
    it is known to do, `reserved` and `dearest` with the models that may follow it.

    `prompt` is what its prompt has, as far as anybody knows, and `max_tokens` what its reply may have.
    """

    max_tokens: int
    prompt: int
    tokens: int
    cost: Decimal | None
    most: int
    most_cost: Decimal | None
    reserved: int
    dearest: Decimal | None

    def with_most(self, most: int, cost: Decimal | None) -> _Need:
        """Return it for a model that is known to take more."""
        dearest = max((each for each in (self.dearest, cost) if each is not None), default=None)
        return replace(self, most=most, most_cost=cost, reserved=max(self.reserved, most), dearest=dearest)


def _at_most(cost: Decimal | None, bound: Decimal | None) -> bool:
    return cost is None or (bound is not None and cost <= bound)


class Reserver:
    """Reserves for the calls of one run. `tell` shows a notice once in the run."""

    def __init__(
        self,
        budget: Budget,
        prices: Prices,
        connections: Connections,
        clock: Clock,
        batch_policy: BatchPolicy | None,
        admitted: AdmittedCalls,
        tell: Callable[[CallScope, str], None],
        governor: Governor | None,
        excesses: Excesses,
    ) -> None:
        self._budget = budget
        self._prices = prices
        self._connections = connections
        self._clock = clock
        self._batch_policy = batch_policy
        self._admitted = admitted
        self._tell_once = tell
        self._governor = governor
        self._excesses = excesses

    async def reserve(
        self, candidates: Sequence[Candidate], call: CallScope, kept: Reservation | None
    ) -> tuple[ModelRequest, InFlightCall]:
        """Reserve what the first of these models takes at most, or the dearest of them if that is more.

        Args:
            kept: what was reserved before for a model that was asked nothing.
        """
        candidate = candidates[0]
        connection, info, meant = candidate.connection, candidate.info, candidate.request
        candidate.breaker.refuse_while_open()
        unsent = require_abilities(meant, call.agent, info)
        if unsent is not None:
            self._tell_once(call, unsent)
        policy = self._batch_policy
        batch = policy is not None and info.batch and policy.eligible(call, meant)
        room = self._budget.ledger.task_room(call.account)
        if kept is not None and kept.is_open and room is not None:
            room += kept.tokens
        need = self._if_it_fits(candidates, call, room, kept, batch=batch)
        if need is None:
            prompt = (await count(meant, connection)).input_tokens
            need = self._need(candidates, call, room, prompt, batch=batch)
        key = meant.key or f"{call.key}/{candidate.name}"
        ready = replace(meant, max_tokens=need.max_tokens, key=key)
        if len(candidates) > 1:
            await self._refuse_while_limited(connection, info.name, wants_of(need.tokens, need.max_tokens))
        if kept is not None and kept.is_open:
            if need.reserved <= kept.tokens and _at_most(need.dearest, kept.cost):
                in_flight = self._in_flight(candidate, kept, need, batch=batch)
                await self._admitted.admit(call, in_flight, candidate.name, need.most, need.most_cost)
                return ready, in_flight
            kept.give_back()
        try:
            while True:
                reservation = await self._reserved(candidate, call, need)
                now = self._with_excess(candidate, need.tokens, need.cost, room)
                if now == (need.most, need.most_cost):
                    break
                reservation.give_back()  # while it waited, another call has shown that the model takes more
                need = need.with_most(*now)
        except TaskError as error:
            if need.most != need.tokens and error.hint:
                error.hint += f" '{info.name}' has taken {need.most - need.tokens:,} tokens more than it was asked to."
            if (need.reserved, need.dearest) != (need.most, need.most_cost) and error.hint:
                names = ", ".join(other.info.name for other in candidates[1:])
                error.hint += f" It is reserved for the dearest of `fallback` ({names}), too."
            raise
        reservation.kept = len(candidates) > 1
        in_flight = self._in_flight(candidate, reservation, need, batch=batch)
        await self._admitted.admit(call, in_flight, candidate.name, need.most, need.most_cost)
        return ready, in_flight

    async def _reserved(self, candidate: Candidate, call: CallScope, need: _Need) -> Reservation:
        """Reserve; while others hold what is left, the user and the task know what the call waits for."""
        model = candidate.info.name

        def on_wait(limit: str) -> None:
            cause = f"other calls hold what {limit} leaves until they have ended"
            self._tell_once(call, f"Calls have to wait: {cause}. A call counts with its prompt and its `maxTokens`.")
            if call.on_wait is not None:
                call.on_wait(f"a call to '{model}' still waited to be sent: {cause}")

        try:
            return await self._budget.reserve(
                call.account,
                need.reserved,
                need.dearest,
                title=call.task_id,
                budgets=call.budgets,
                on_wait=on_wait,
            )
        finally:
            if call.on_wait is not None:
                call.on_wait("")

    async def _refuse_while_limited(self, connection: Connection, model: str, wants: Mapping[str, float]) -> None:
        """Raise TaskError if a model with others after it would have to wait for long: the next one is asked."""
        tokens, output = int(wants["tokens"]), int(wants["output_tokens"])
        quota = connection.quotas.get(model)
        seconds = 0.0 if quota is None else quota.wait(tokens, output)
        if self._governor is not None:
            seconds = max(seconds, await self._governor.wait(connection.provider, model, wants))
        if seconds > _PATIENCE:
            message = (
                f"'{connection.provider.name}' takes no more calls to '{model}' for {seconds:.0f} s: nothing was sent"
            )
            raise TaskError(message, category=Category.RATE_LIMIT, retry_after=seconds)

    def _if_it_fits(
        self,
        candidates: Sequence[Candidate],
        call: CallScope,
        room: int | None,
        kept: Reservation | None,
        *,
        batch: bool,
    ) -> _Need | None:
        """Return what a call needs by our own upper bound of its prompt, if that fits what is left: then a counter that
        is another request need not be asked. None: it does not, or there is no such counter.
        """
        candidate = candidates[0]
        if not getattr(candidate.connection.client, "counts_by_asking", False) or (kept is not None and kept.is_open):
            return None
        bound, ledger = most_tokens(candidate.request), self._budget.ledger
        try:
            need = self._need(candidates, call, room, bound, batch=batch)
        except TaskError:  # by that bound it is too much: the counter may say otherwise
            return None
        if need.max_tokens != wanted_tokens(candidate.request, candidate.info):
            return None  # the answer would be cut short for a prompt that may be much shorter
        fits = ledger.fits(call.account, need.reserved, need.dearest, call.budgets)
        return replace(need, prompt=estimate_tokens(candidate.request)) if fits else None

    def _need(
        self, candidates: Sequence[Candidate], call: CallScope, room: int | None, prompt: int, *, batch: bool
    ) -> _Need:
        """Return what a call needs whose prompt has `prompt` tokens. Raise TaskError if it is too long, or refused."""
        candidate = candidates[0]
        reply = fitting_max_tokens(candidate.request, candidate.info, prompt, room)
        tokens, cost = self._worst_case(candidate, call, prompt, reply, batch=batch)
        most = self._with_excess(candidate, tokens, cost, room)
        each = [most, *(self._at_most(other, room, prompt) for other in candidates[1:])]
        reserved = max(amount for amount, _ in each)
        dearest = max((cost for _, cost in each if cost is not None), default=None)
        return _Need(reply, prompt, tokens, cost, *most, reserved, dearest)

    def _with_excess(
        self, candidate: Candidate, tokens: int, cost: Decimal | None, room: int | None
    ) -> tuple[int, Decimal | None]:
        """Return what a call takes of a model that takes more than it is asked to, in tokens and dollars.

        Args:
            room: tokens that the task may still take: a reply that is longer will be stopped there.
        """
        provider, info = candidate.connection.provider.name, candidate.info
        excess = self._excesses.of(provider, info.name)
        if room is not None:
            excess = max(0, min(excess, room - tokens))
        if not excess:
            return tokens, cost
        return tokens + excess, None if cost is None else cost + (self._excesses.cost(provider, info, excess) or 0)

    def _in_flight(
        self,
        candidate: Candidate,
        reservation: Reservation,
        need: _Need,
        *,
        batch: bool,
    ) -> InFlightCall:
        return InFlightCall(
            candidate.connection,
            candidate.info,
            candidate.breaker,
            reservation,
            Usage(need.tokens, 0, need.cost or Decimal(0)),
            need.prompt,
            self._clock.monotonic(),
            batch,
        )

    def _at_most(self, candidate: Candidate, room: int | None, counted: int) -> tuple[int, Decimal | None]:
        """Return the tokens and the cost of a model that may be asked later; nobody has counted its prompt.

        Args:
            counted: tokens of the prompt for the model that is asked now.
        """
        prompt = max(estimate_tokens(candidate.request), counted)
        try:
            reply = fitting_max_tokens(candidate.request, candidate.info, prompt, room)
        except TaskError:  # it cannot hold the conversation, and will not be asked
            return 0, None
        worst = Usage(prompt, reply, cache_write_tokens=prompt if candidate.request.cache_prompt else 0)
        cost = self._prices.cost(candidate.connection.provider.name, candidate.info, worst)
        return self._with_excess(candidate, prompt + reply, cost, room)

    def _worst_case(
        self, candidate: Candidate, call: CallScope, prompt: int, reply: int, *, batch: bool
    ) -> tuple[int, Decimal | None]:
        """Return what the call may take, in tokens and dollars (None: unknown). Raise TaskError if a policy refuses."""
        worst = Usage(prompt, reply, cache_write_tokens=prompt if candidate.request.cache_prompt else 0)
        cost = self._prices.cost(candidate.connection.provider.name, candidate.info, worst, batch=batch)
        bound = self._budget.ledger.bounds.run_cost
        if cost is None and bound is not None:
            self._tell_once(
                call,
                f"The price of the model '{candidate.info.name}' is not known: {bound.name} cannot bound what it "
                "costs, only the limits of tokens do. Give its price under `prices:` in nika.yaml.",
            )
        return prompt + reply, cost
