"""The one resilient wrapper around every provider.

A call is, in this order: filled with the agent block's defaults, looked up among the replies that were paid for
already, counted, checked against the model's context, put to the limit policies, reserved in the budgets, held to the
provider's rates, let through by its circuit breaker, streamed, settled with its real usage, and kept.

It is not tried again here. Attempts are the task's (`retry.max` of them in all, however many calls it makes); another
attempt is given every reply that the earlier ones paid for, so that only the call that failed is made again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from nika_core import codes
from nika_core.engine.budget import Budget, Reservation
from nika_core.engine.models.breaker import BreakerSettings, Permit
from nika_core.engine.models.connections import Connection, Connections, Directory, missing_model
from nika_core.engine.models.prepare import fit_abilities, fit_context, with_defaults
from nika_core.engine.models.pricing import Prices
from nika_core.engine.models.replies import CallNames, reply_json, reply_of, tokens_of
from nika_core.engine.services import CallScope
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import (
    Admission,
    Finished,
    ModelInfo,
    ModelReply,
    ModelRequest,
    Refusal,
    Stage,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)

# The provider answered, and its answer was no: nothing was generated, nothing is to be paid.
_NOT_BILLED: Final = frozenset({Category.RATE_LIMIT, Category.CONFIG, Category.VALIDATION, Category.PROVIDER})
_HUNG: Final = 10.0  # seconds without a single chunk, after which a cancelled call speaks against the provider


@dataclass(slots=True)
class _Sent:
    """What is known of a call that was sent."""

    prompt: int
    began: float
    text: list[str]
    finished: Finished | None = None


class ResilientCaller:
    """Calls models for the tasks of one run. One event loop."""

    def __init__(
        self,
        directory: Directory,
        budget: Budget,
        *,
        prices: Prices | None = None,
        admit: Callable[[Admission], Refusal | None] | None = None,
        clock: Clock | None = None,
        breaker: BreakerSettings | None = None,
    ) -> None:
        self._budget = budget
        self._prices = prices or Prices()
        self._admit = admit
        self._clock = clock or SystemClock()
        self._connections = Connections(directory, self._clock, breaker)
        self._names = CallNames()
        self._told: set[str] = set()

    async def model(self, request: ModelRequest, agent: AgentBlock) -> ModelInfo:
        """What the model that `request` would reach can do. Calls nothing. Raises TaskError."""
        _, info = await self._reach(request, agent)
        return info

    async def complete(self, request: ModelRequest, call: CallScope) -> ModelReply:
        """Call a model, or give the reply that was paid for already. Raises TaskError."""
        connection, info = await self._reach(request, call.agent)
        meant = with_defaults(request, call.agent, info.name)
        name = self._names.name(call.key, call.attempt, connection.provider.name, meant)
        known = reply_of(call.memo.get(call.key, name))
        if known is not None:
            call.on_usage(NOTHING)
            return known
        connection.breaker.refuse_while_open()
        meant = fit_abilities(meant, info, lambda message: self._tell_once(call, message))
        await self._prices.prepare(info)
        prompt = await _count(connection, meant)
        ready = fit_context(meant, info, prompt.input_tokens, self._budget.ledger.task_room(call.task_id))
        ready = replace(ready, key=request.key or f"{call.key}/{name}")
        reservation = await self._reserve(ready, call, connection, info, prompt.input_tokens)
        reply = await self._send(ready, call, connection, info, prompt.input_tokens, reservation)
        call.memo.put(call.key, name, reply_json(reply))
        await call.barrier()
        return reply

    async def close(self) -> None:
        """Close every connection; at the end of the run."""
        await self._connections.close()

    async def _reach(self, request: ModelRequest, agent: AgentBlock) -> tuple[Connection, ModelInfo]:
        model = request.model or agent.model
        if not model:
            raise missing_model()
        connection = await self._connections.get(agent.provider, model)
        return connection, connection.client.info(model)

    async def _reserve(
        self, request: ModelRequest, call: CallScope, connection: Connection, info: ModelInfo, prompt: int
    ) -> Reservation:
        most = prompt + (request.max_tokens or 0)
        worst = Usage(prompt, request.max_tokens or 0)
        cost = self._prices.cost(connection.provider.name, info, worst)
        if cost is None and self._budget.ledger.bounds.run_cost is not None:
            bound = self._budget.ledger.bounds.run_cost
            self._tell_once(
                call,
                f"The price of the model '{info.name}' is not known: {bound.name} cannot bound what it costs, only the "
                "limits of tokens do. Give its price under `prices:` in nika.yaml.",
            )
        self._ask_policies(call, connection, info, most, cost)
        return await self._budget.reserve(call.task_id, most, cost)

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

    async def _send(
        self,
        request: ModelRequest,
        call: CallScope,
        connection: Connection,
        info: ModelInfo,
        prompt: int,
        reservation: Reservation,
    ) -> ModelReply:
        permit: Permit | None = None
        try:
            await connection.limiter.acquire(reservation.tokens)
            permit = await connection.breaker.enter()
        except BaseException:
            reservation.release()
            raise
        sent = _Sent(prompt, self._clock.monotonic(), [])
        try:
            finished = await _stream(request, call, connection, sent)
        except TaskError as error:
            permit.failed(error.category)
            if error.category is Category.RATE_LIMIT and error.retry_after:
                connection.limiter.pause(error.retry_after)
            error.usage = self._settle_failed(connection, info, sent, reservation, error)
            call.on_usage(error.usage)
            raise
        except BaseException as error:
            hung = not sent.text and self._clock.monotonic() - sent.began >= _HUNG
            if isinstance(error, asyncio.CancelledError) and hung:
                permit.failed(Category.TIMEOUT)
            else:
                permit.abandoned()
            call.on_usage(self._settle_failed(connection, info, sent, reservation, None))
            raise
        permit.succeeded()
        usage = self._settle(connection, info, sent, finished, reservation)
        call.on_usage(usage)
        model = finished.model or info.name
        return ModelReply("".join(sent.text), finished.tool_calls, finished.stop_reason, usage, model)

    def _settle(
        self, connection: Connection, info: ModelInfo, sent: _Sent, finished: Finished, reservation: Reservation
    ) -> Usage:
        """Where the provider gave no figures, ours stand in for the reader, and the budgets keep the worst case."""
        real = finished.usage
        known = real.total_tokens > 0 and not real.estimated
        if real.total_tokens == 0:
            real = Usage(sent.prompt, tokens_of("".join(sent.text), finished.tool_calls), estimated=True)
        usage = self._priced(connection, info, real)
        if known:
            reservation.settle(usage.total_tokens, usage.cost_usd)
        else:
            reservation.hold()
        return usage

    def _settle_failed(
        self, connection: Connection, info: ModelInfo, sent: _Sent, reservation: Reservation, error: TaskError | None
    ) -> Usage:
        if error is not None and isinstance(error.usage, Usage):
            usage = self._priced(connection, info, error.usage)
            reservation.settle(usage.total_tokens, usage.cost_usd)
            return usage
        if error is not None and not sent.text and (error.category in _NOT_BILLED or _never_arrived(error)):
            reservation.release()
            return replace(NOTHING, calls=1)
        reservation.hold()
        text = "".join(sent.text)
        return self._priced(connection, info, Usage(sent.prompt, tokens_of(text), estimated=True))

    def _priced(self, connection: Connection, info: ModelInfo, usage: Usage) -> Usage:
        priced = self._prices.priced(connection.provider.name, info, usage)
        return replace(priced, calls=max(1, usage.calls))

    def _tell_once(self, call: CallScope, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            call.notice(message)


async def _count(connection: Connection, request: ModelRequest) -> TokenEstimate:
    """Tokens of the prompt; by our own estimate where the provider's counter does not answer."""
    try:
        return await connection.client.estimate(request)
    except TaskError as error:
        if error.category is Category.CONFIG:  # a wrong key or model is wrong for the call, too
            raise
    except Exception:  # noqa: S110  # a counter that is broken is no reason not to call: ours stands in
        pass
    return TokenEstimate(estimate_tokens(request))


async def _stream(request: ModelRequest, call: CallScope, connection: Connection, sent: _Sent) -> Finished:
    provider = connection.provider.name
    stream = connection.client.stream(request)
    try:
        async for chunk in stream:
            if isinstance(chunk, TextDelta):
                if chunk.text:
                    sent.text.append(chunk.text)
                    call.on_text(chunk.text)
            else:
                return chunk
    except (TaskError, asyncio.CancelledError):
        raise
    except Exception as error:
        raise TaskError(
            f"The provider '{provider}' failed in a way that it does not explain: {type(error).__name__}: {error}",
            category=Category.UNKNOWN,
            hint="This is a fault in the provider's plugin; 'nika plugins show' names who made it.",
        ) from error
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    raise TaskError(
        f"The reply of '{provider}' ended before it was complete: the connection was lost, or the server cut it.",
        category=Category.NETWORK,
        hint="Its text so far is not used; another attempt asks again.",
    )


def _never_arrived(error: BaseException) -> bool:
    """Whether no connection was made at all, by the operating system's own word."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, ConnectionRefusedError | socket.gaierror):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False
