"""The one resilient wrapper around every provider.

A call is, in this order: filled with the agent block's defaults, looked up among the replies that were paid for
already, counted, checked against the model's context, reserved in the budgets, put to the limit policies, held to the
provider's rates, let through by its circuit breaker, streamed, settled with its real usage, and kept.

It is not tried again here. Attempts are the task's (`retry.max` of them in all, however many calls it makes); another
attempt is given every reply that the earlier ones paid for, so that only the call that failed is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from nika_core.engine.core.messages import Signal, Wait
from nika_core.engine.core.policy_gate import PolicyGate
from nika_core.engine.core.ports import CallScope, Suspended
from nika_core.engine.fair_turns import FairTurns
from nika_core.engine.llm.admitted_calls import AdmittedCalls, note_call
from nika_core.engine.llm.batching import Batches, BatchPolicy
from nika_core.engine.llm.breaker import BreakerSettings, Permit
from nika_core.engine.llm.budget import Budget, Reservation
from nika_core.engine.llm.connections import Connection, Connections, ProviderLookup, missing_model
from nika_core.engine.llm.fallback import (
    Candidate,
    Progress,
    chain_of,
    holds_state,
    in_words,
    is_gone,
    none_answered,
    notice_of,
    options_of,
)
from nika_core.engine.llm.governor import Governor
from nika_core.engine.llm.overlong import Excesses, ReplyMeter
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.quota import believed_limits
from nika_core.engine.llm.rate_waits import RateWaits
from nika_core.engine.llm.replies import CallNames, for_provider, reply_json, reply_of, reply_parts
from nika_core.engine.llm.request_defaults import with_defaults
from nika_core.engine.llm.reserving import Reserver
from nika_core.engine.llm.served_prices import with_served_price
from nika_core.engine.llm.streaming import stream_reply, whole_reply
from nika_core.engine.llm.usage_settlement import InFlightCall, UsageSettlement
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.ids import NodeId
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import Finished, ModelInfo, ModelReply, ModelRequest, RateState
from nika_core.values import replace

_HUNG: Final = 10.0  # seconds without a single chunk, after which a cancelled call speaks against the provider


class ResilientCaller:
    """Calls models for the tasks of one run. One event loop."""

    def __init__(
        self,
        directory: ProviderLookup,
        budget: Budget,
        *,
        prices: Prices | None = None,
        policies: PolicyGate | None = None,
        clock: Clock | None = None,
        breaker: BreakerSettings | None = None,
        batch_policy: BatchPolicy | None = None,
        models: Mapping[str, str] | None = None,
        turns: FairTurns | None = None,
        labels: Mapping[str, str] | None = None,
        governor: Governor | None = None,
    ) -> None:
        self._models = models or {}  # names that stand for models
        self._prices = prices or Prices()
        self._settlement = UsageSettlement(self._prices)
        self._excesses = Excesses(self._prices)
        self._clock = clock or SystemClock()
        self._connections = Connections(directory, self._clock, breaker)
        self._batches = None if batch_policy is None else Batches(batch_policy, self._clock)
        self._reached: dict[tuple[str | None, str, bool], tuple[Connection, ModelInfo]] = {}
        self._reaching = asyncio.Lock()
        self._governor = governor
        self._rate_waits = RateWaits(governor)
        self._admitted = AdmittedCalls(policies, self._clock, self._tell_once)
        self._labels = labels or {}
        self._names = CallNames()
        self._progress = Progress()
        self._suspended: dict[tuple[str, str], tuple[ModelRequest, InFlightCall]] = {}
        self._told: set[str] = set()
        self._turns = turns or FairTurns()
        self._reserver = Reserver(
            budget,
            self._prices,
            self._connections,
            self._clock,
            batch_policy,
            self._admitted,
            self._tell_once,
            governor,
            self._excesses,
        )

    async def model(self, request: ModelRequest, agent: AgentBlock) -> ModelInfo:
        """Return what the model that `request` would reach can do. Call nothing. Raise TaskError."""
        _, info = await self._reach(request.model, agent)
        return info

    def forget(self, key: str, attempt: int) -> None:
        """Take what an attempt asks next as its first calls: its step is run again from its beginning."""
        self._names.forget(key, attempt)

    async def complete(self, request: ModelRequest, call: CallScope) -> ModelReply:
        """Call a model, or give the reply that was paid for already. Raises TaskError."""
        chain = chain_of(request, call.agent)
        candidates = [await self._candidate(request, call, place, chain) for place in range(len(chain) or 1)]
        for place, candidate in enumerate(candidates):
            kept = call.call_cache.get(call.key, candidate.name)
            known = None if kept is None else reply_of(kept, candidate.connection.provider.name)
            if known is not None:
                call.on_usage(NOTHING)
                return self._answered(known, candidates, place, chain, call)
            suspended = self._suspended.pop((call.key, candidate.name), None)
            if suspended is not None:
                return await self._complete(*suspended, call, candidate.name)
        return await self._first_answer(candidates, chain, call)

    async def _candidate(self, request: ModelRequest, call: CallScope, place: int, chain: tuple[str, ...]) -> Candidate:
        """Return a model of the chain and what it would be asked."""
        connection, info = await self._reach(chain[place] if chain else None, call.agent, fallback=place > 0)
        provider = connection.provider.name
        first, _ = (connection, info) if not place else await self._reach(chain[0], call.agent)
        given = options_of(request, call.agent) if first is connection else {}
        meant = with_defaults(
            in_words(request, info) if place else request,
            call.agent,
            info,
            messages=for_provider(request.messages, provider),
            fallback=None,
            options=self._connections.options(connection, given) or None,
            run=call.run_id,
            task=call.task_id,
            labels=self._labels,
        )
        name = self._names.name(call.key, call.attempt, provider, meant)
        return Candidate(connection, info, self._connections.breaker(connection, info.name), meant, name)

    def _answered(
        self, reply: ModelReply, candidates: Sequence[Candidate], place: int, chain: tuple[str, ...], call: CallScope
    ) -> ModelReply:
        """Note which model of the chain has answered. Return the reply, with the names of those before it."""
        if not place:
            return reply
        self._progress.answered(call.key, call.attempt, chain, place)
        return replace(reply, instead_of=tuple(each.info.name for each in candidates[:place]))

    async def _first_answer(
        self, candidates: Sequence[Candidate], chain: tuple[str, ...], call: CallScope
    ) -> ModelReply:
        """Ask one model after the other, as long as one cannot answer now. Raises TaskError."""
        await self._turns.acquire()  # an SDK takes milliseconds to send a request
        place = self._progress.first(call.key, call.attempt, chain)
        begun = [self._batches is not None and self._batches.has_begun(each.name, call) for each in candidates]
        place = begun.index(True) if True in begun else place
        last = len(candidates) - 1
        if place < last and holds_state(candidates[place].request):
            last = place
        failures: list[tuple[str, TaskError]] = []
        in_flight: InFlightCall | None = None
        reservation: Reservation | None = None
        try:
            while True:
                candidate, in_flight = candidates[place], None
                try:
                    ready, in_flight = await self._reserver.reserve(candidates[place : last + 1], call, reservation)
                    reservation = in_flight.reservation
                    reply = await self._complete(ready, in_flight, call, candidate.name)
                    return self._answered(reply, candidates, place, chain, call)
                except TaskError as error:
                    failures.append((candidate.info.name, error))
                    shown = in_flight is not None and bool(in_flight.text) and call.on_text is not None
                    batch = in_flight is not None and in_flight.batch
                    if place == last or shown or not is_gone(error, batch=batch):
                        raise none_answered(failures) from error.__cause__
                    self._tell_once(call, notice_of(candidate, error, candidates[place + 1]))
                    place += 1
        except Suspended:
            raise
        except BaseException as error:
            if reservation is not None:
                reservation.give_back()
            if isinstance(error, asyncio.CancelledError) and place < last and self._is_hung(in_flight):
                self._progress.hung(call.key, chain, place)
            raise

    async def _complete(self, request: ModelRequest, in_flight: InFlightCall, call: CallScope, name: str) -> ModelReply:
        """Send what is reserved, and keep the reply."""
        try:
            if in_flight.batch:
                reply = await self._send_batched(request, call, in_flight, name)
            else:
                reply = await self._send(request, call, in_flight)
            call.call_cache.put(call.key, name, reply_json(reply))
            note_call(call, in_flight, reply.usage)
            if not in_flight.info.free or in_flight.admission is not None:  # else it may be asked for again
                await call.barrier()
        except Suspended:
            raise
        except BaseException:
            self._admitted.settle(call, in_flight)
            raise
        self._admitted.settle(call, in_flight)
        return reply

    def attend(self, node: NodeId, wait: Wait, post: Callable[[Signal], None]) -> None:
        """Post a signal as soon as the batch that a node waits for is done."""
        if self._batches is not None:
            self._batches.attend(node, wait, post)

    async def close(self) -> None:
        """Stop waiting for batches and close every connection; at the end of the run."""
        if self._batches is not None:
            await self._batches.close()
        await self._connections.close()
        if self._governor is not None:
            await self._governor.close()

    async def _reach(
        self, model: str | None, agent: AgentBlock, *, fallback: bool = False
    ) -> tuple[Connection, ModelInfo]:
        model = model or agent.model
        if not model:
            raise missing_model()
        model = self._models.get(model, model)
        wanted = agent.provider, model, fallback
        if wanted not in self._reached:
            async with self._reaching:
                if wanted not in self._reached:
                    connection, name = await self._connections.get(agent.provider, model, fallback=fallback)
                    info = connection.client.info(name)
                    await self._prices.prepare(info)
                    info = await with_served_price(connection, info, self._prices)
                    self._reached[wanted] = connection, info
        return self._reached[wanted]

    async def _send(self, request: ModelRequest, call: CallScope, in_flight: InFlightCall) -> ModelReply:
        try:
            output = request.max_tokens or 0
            await self._rate_waits.acquire(in_flight, output, call)
            permit = await in_flight.breaker.enter()
            _tell_breaker(call, in_flight)
        except BaseException:
            in_flight.reservation.release()
            raise
        try:
            if not in_flight.info.free or in_flight.admission is not None:
                in_flight.unknown = in_flight.worst  # before anything is sent, so that not even a kill can hide it
                note_call(call, in_flight, NOTHING)
                await call.barrier()
                await self._admitted.sending(in_flight)
                await self._turns.acquire()  # whatever waited for the same commit goes on at once
                in_flight.unknown = NOTHING
        except BaseException:
            permit.abandoned()
            in_flight.reservation.release()
            in_flight.unknown = NOTHING
            note_call(call, in_flight, NOTHING)
            raise
        in_flight.began = self._clock.monotonic()
        try:
            async with ReplyMeter(self._excesses, in_flight, output) as meter:
                finished = await stream_reply(request, meter, call, self._turns, partial(self._tell_once, call))
        except BaseException as error:
            usage = self._failed(in_flight, permit, error)
            _tell_breaker(call, in_flight)
            note_call(call, in_flight, usage)
            call.on_usage(usage)
            self._tell_others(in_flight, error)
            raise
        permit.succeeded()
        _tell_breaker(call, in_flight)
        if isinstance(finished.rates, RateState):
            self._connections.quota(in_flight.connection, in_flight.info.name).learn(finished.rates)
        self._tell_others(in_flight, finished)
        return self._reply(call, in_flight, finished)

    def _tell_others(self, in_flight: InFlightCall, end: Finished | BaseException) -> None:
        """Tell the user's other runs what the server says of its limits."""
        if self._governor is None:
            return
        provider, model = in_flight.connection.provider, in_flight.info.name
        if isinstance(end, TaskError) and end.category is Category.RATE_LIMIT and end.retry_after:
            self._governor.pause(provider, model, end.retry_after)
        elif isinstance(end, Finished) and isinstance(end.rates, RateState):
            self._governor.learn(provider, model, believed_limits(end.rates))

    def _failed(self, in_flight: InFlightCall, permit: Permit, error: BaseException) -> Usage:
        """Tell the breaker and the limiter, and settle."""
        if isinstance(error, TaskError):
            permit.failed(error.category, error.message)
            if error.category is Category.RATE_LIMIT and error.retry_after:
                self._connections.quota(in_flight.connection, in_flight.info.name).pause(error.retry_after)
            usage = error.usage = self._settlement.failed(in_flight, error)
            return usage
        if isinstance(error, asyncio.CancelledError) and self._is_hung(in_flight):
            permit.failed(Category.TIMEOUT)
        else:
            permit.abandoned()
        return self._settlement.failed(in_flight, None)

    def _is_hung(self, in_flight: InFlightCall | None) -> bool:
        """Return whether a call was sent long ago, and nothing of an answer has come."""
        if in_flight is None or in_flight.batch or in_flight.text:
            return False
        return self._clock.monotonic() - in_flight.began >= _HUNG

    async def _send_batched(
        self, request: ModelRequest, call: CallScope, in_flight: InFlightCall, name: str
    ) -> ModelReply:
        assert self._batches is not None
        try:
            await self._admitted.sending(in_flight)
        except BaseException:
            in_flight.reservation.release()
            raise
        try:
            found = await self._batches.reply(name, request, in_flight.connection, call)
        except TaskError as error:
            in_flight.told = error.usage = self._settlement.failed(in_flight, error)
            call.on_usage(error.usage)
            raise
        except Suspended:
            in_flight.reservation.kept = False  # no other model is asked any more
            if not self._batches.batch_policy.detached:
                self._suspended[call.key, name] = request, in_flight  # it stays reserved until it is known
            self.forget(call.key, call.attempt)
            raise
        except BaseException:
            # The resumed run will learn, and count, what the batch has used.
            in_flight.admission = None
            in_flight.charge_worst_case()
            raise
        assert found.finished is not None
        in_flight.text.append(found.text)
        if found.text and call.on_text is not None:
            call.on_text(found.text)
        return self._reply(call, in_flight, found.finished)

    def _reply(self, call: CallScope, in_flight: InFlightCall, finished: Finished) -> ModelReply:
        try:
            usage = self._settlement.ended(in_flight, finished)
        except BaseException:  # an end of the wrong shape: what it took stays unknown, and nobody waits for it
            in_flight.charge_worst_case()
            raise
        self._excesses.learn(in_flight, usage.total_tokens)
        call.on_usage(usage)
        text, provider = "".join(in_flight.text), in_flight.connection.provider.name
        try:
            finished = whole_reply(finished, provider, text)
        except TaskError as error:
            error.usage = usage
            note_call(call, in_flight, usage)
            raise
        model = finished.model or in_flight.info.name
        return ModelReply(reply_parts(text, finished, provider), finished.stop_reason, usage, model, provider)

    def _tell_once(self, call: CallScope, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            call.notice(message)


def _tell_breaker(call: CallScope, in_flight: InFlightCall) -> None:
    changed = in_flight.breaker.change()
    if changed is not None and call.on_breaker is not None:
        call.on_breaker(in_flight.info.name, in_flight.connection.provider.name, *changed)
