"""The one resilient wrapper around every provider.

A call is, in this order: filled with the agent block's defaults, looked up among the replies that were paid for
already, counted, checked against the model's context, put to the limit policies, reserved in the budgets, held to the
provider's rates, let through by its circuit breaker, streamed, settled with its real usage, and kept.

It is not tried again here. Attempts are the task's (`retry.max` of them in all, however many calls it makes); another
attempt is given every reply that the earlier ones paid for, so that only the call that failed is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from nika_core import codes
from nika_core.engine.core.messages import Signal, Wait
from nika_core.engine.core.ports import CallScope, Suspended
from nika_core.engine.llm.batching import Batches, BatchPolicy
from nika_core.engine.llm.breaker import BreakerSettings, Permit
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.connections import Connection, Connections, ProviderLookup, missing_model
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.recorded_usage import note_sent
from nika_core.engine.llm.replies import call_name, reply_json, reply_of
from nika_core.engine.llm.request_defaults import fit_context, require_abilities, with_defaults
from nika_core.engine.llm.streaming import count, stream_reply, whole_reply
from nika_core.engine.llm.usage_settlement import InFlightCall, UsageSettlement, worst_case
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.ids import NodeId
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import Admission, Finished, ModelInfo, ModelReply, ModelRequest, Refusal, Stage

_HUNG: Final = 10.0  # seconds without a single chunk, after which a cancelled call speaks against the provider


class ResilientCaller:
    """Calls models for the tasks of one run. One event loop."""

    def __init__(
        self,
        directory: ProviderLookup,
        budget: Budget,
        *,
        prices: Prices | None = None,
        admit: Callable[[Admission], Refusal | None] | None = None,
        clock: Clock | None = None,
        breaker: BreakerSettings | None = None,
        batch_policy: BatchPolicy | None = None,
        models: Mapping[str, str] | None = None,
    ) -> None:
        self._models = models or {}  # names that stand for models
        self._budget = budget
        self._prices = prices or Prices()
        self._settlement = UsageSettlement(self._prices)
        self._admit = admit
        self._clock = clock or SystemClock()
        self._connections = Connections(directory, self._clock, breaker)
        self._batches = None if batch_policy is None else Batches(batch_policy, self._clock)
        self._reached: dict[tuple[str | None, str], tuple[Connection, ModelInfo]] = {}
        self._reaching = asyncio.Lock()
        self._suspended: dict[tuple[str, str], tuple[ModelRequest, InFlightCall]] = {}
        self._told: set[str] = set()

    async def model(self, request: ModelRequest, agent: AgentBlock) -> ModelInfo:
        """What the model that `request` would reach can do. Calls nothing. Raises TaskError."""
        _, info = await self._reach(request, agent)
        return info

    async def complete(self, request: ModelRequest, call: CallScope) -> ModelReply:
        """Call a model, or give the reply that was paid for already. Raises TaskError."""
        connection, info = await self._reach(request, call.agent)
        meant = with_defaults(request, call.agent, info)
        name = call_name(call.asked, connection.provider.name, meant)
        kept = call.call_cache.get(call.key, name)
        known = None if kept is None else reply_of(kept)
        if known is not None:
            call.on_usage(NOTHING)
            return known
        suspended = self._suspended.pop((call.key, name), None)
        if suspended is not None:
            return await self._complete(*suspended, call, name)
        connection.breaker.refuse_while_open()
        unsent = require_abilities(meant, call.agent, info)
        if unsent is not None:
            self._tell_once(call, unsent)
        batch = self._batches is not None and info.batch and self._batches.batch_policy.eligible(call, meant)
        prompt = (await count(meant, connection)).input_tokens
        account = call.account
        ready = fit_context(meant, info, prompt, self._budget.ledger.task_room(account))
        ready = replace(ready, key=request.key or f"{call.key}/{name}")
        tokens, cost = self._worst_case(ready, call, connection, info, prompt, batch=batch)
        reservation = await self._budget.reserve(account, tokens, cost, title=call.task_id, budgets=call.budgets)
        in_flight = InFlightCall(connection, info, reservation, prompt, self._clock.monotonic(), batch)
        return await self._complete(ready, in_flight, call, name)

    async def _complete(self, request: ModelRequest, in_flight: InFlightCall, call: CallScope, name: str) -> ModelReply:
        """Send what is reserved, and keep the reply."""
        if in_flight.batch:
            reply = await self._send_batched(request, call, in_flight, name)
        else:
            reply = await self._send(request, call, in_flight)
        call.call_cache.put(call.key, name, reply_json(reply))
        _note(call, in_flight, reply.usage)
        await call.barrier()
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

    async def _reach(self, request: ModelRequest, agent: AgentBlock) -> tuple[Connection, ModelInfo]:
        model = request.model or agent.model
        if not model:
            raise missing_model()
        model = self._models.get(model, model)
        wanted = agent.provider, model
        if wanted not in self._reached:
            async with self._reaching:
                if wanted not in self._reached:
                    connection = await self._connections.get(agent.provider, model)
                    info = connection.client.info(model)
                    await self._prices.prepare(info)
                    self._reached[wanted] = connection, info
        return self._reached[wanted]

    def _worst_case(
        self,
        request: ModelRequest,
        call: CallScope,
        connection: Connection,
        info: ModelInfo,
        prompt: int,
        *,
        batch: bool,
    ) -> tuple[int, Decimal | None]:
        """Return what the call may take, in tokens and dollars (None: unknown). Raise TaskError if a policy refuses."""
        tokens = prompt + (request.max_tokens or 0)
        worst = Usage(prompt, request.max_tokens or 0)
        cost = self._prices.cost(connection.provider.name, info, worst, batch=batch)
        bound = self._budget.ledger.bounds.run_cost
        if cost is None and bound is not None:
            self._tell_once(
                call,
                f"The price of the model '{info.name}' is not known: {bound.name} cannot bound what it costs, only the "
                "limits of tokens do. Give its price under `prices:` in nika.yaml.",
            )
        self._ask_policies(call, connection, info, tokens, cost)
        return tokens, cost

    def _ask_policies(
        self, call: CallScope, connection: Connection, info: ModelInfo, tokens: int, cost: Decimal | None
    ) -> None:
        if self._admit is None:
            return
        ledger = self._budget.ledger
        refusal = self._admit(
            Admission(
                Stage.MODEL,
                call.workflow,
                call.run_id,
                call.task_id,
                call.keyword,
                connection.provider.name,
                info.name,
                tokens=tokens,
                cost_usd=cost,
                spent_tokens=ledger.spent_tokens,
                spent_usd=ledger.spent_usd,
            )
        )
        if refusal is not None:
            code = refusal.code or codes.POLICY_REFUSED
            raise TaskError(refusal.reason, category=Category.BUDGET, code=code, hint=refusal.hint)

    async def _send(self, request: ModelRequest, call: CallScope, in_flight: InFlightCall) -> ModelReply:
        try:
            await in_flight.connection.limiter.acquire(in_flight.reservation.tokens)
            permit = await in_flight.connection.breaker.enter()
        except BaseException:
            in_flight.reservation.release()
            raise
        try:
            if not in_flight.info.free:  # before anything is sent, so that not even a kill can hide it
                in_flight.unknown = worst_case(in_flight.reservation)
                _note(call, in_flight, NOTHING)
                await call.barrier()
                in_flight.unknown = NOTHING
        except BaseException:
            permit.abandoned()
            in_flight.reservation.release()
            in_flight.unknown = NOTHING
            _note(call, in_flight, NOTHING)
            raise
        in_flight.began = self._clock.monotonic()
        try:
            finished = await stream_reply(
                request,
                in_flight.connection,
                in_flight.text,
                call.on_text,
                call.heartbeat,
                lambda message: self._tell_once(call, message),
            )
        except BaseException as error:
            usage = self._failed(in_flight, permit, error)
            _note(call, in_flight, usage)
            call.on_usage(usage)
            raise
        permit.succeeded()
        return self._reply(call, in_flight, finished)

    def _failed(self, in_flight: InFlightCall, permit: Permit, error: BaseException) -> Usage:
        """Tell the breaker and the limiter, and settle."""
        if isinstance(error, TaskError):
            permit.failed(error.category)
            if error.category is Category.RATE_LIMIT and error.retry_after:
                in_flight.connection.limiter.pause(error.retry_after)
            usage = error.usage = self._settlement.failed(in_flight, error)
            return usage
        hung = not in_flight.text and self._clock.monotonic() - in_flight.began >= _HUNG
        if isinstance(error, asyncio.CancelledError) and hung:
            permit.failed(Category.TIMEOUT)
        else:
            permit.abandoned()
        return self._settlement.failed(in_flight, None)

    async def _send_batched(
        self, request: ModelRequest, call: CallScope, in_flight: InFlightCall, name: str
    ) -> ModelReply:
        assert self._batches is not None
        try:
            found = await self._batches.reply(name, request, in_flight.connection, call)
        except TaskError as error:
            error.usage = self._settlement.failed(in_flight, error)
            call.on_usage(error.usage)
            raise
        except Suspended:
            self._suspended[call.key, name] = request, in_flight  # it stays reserved until it is known
            raise
        except BaseException:
            # The resumed run will learn, and count, what the batch has used.
            in_flight.reservation.charge_worst_case()
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
            in_flight.reservation.charge_worst_case()
            raise
        call.on_usage(usage)
        text = "".join(in_flight.text)
        try:
            finished = whole_reply(finished, in_flight.connection.provider.name, text)
        except TaskError as error:
            error.usage = usage
            _note(call, in_flight, usage)
            raise
        model = finished.model or in_flight.info.name
        return ModelReply(text, finished.tool_calls, finished.stop_reason, usage, model, state=finished.state)

    def _tell_once(self, call: CallScope, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            call.notice(message)


def _note(call: CallScope, in_flight: InFlightCall, told: Usage) -> None:
    """What is paid for is kept for a run that is resumed; a free model costs nothing twice, either."""
    if not in_flight.info.free:
        note_sent(call, in_flight.note, told, in_flight.unknown)
