"""What a call may take is allowed and reserved before it is sent: with a chain, for the dearest of its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from nika_core import codes
from nika_core.engine.core.ports import CallScope
from nika_core.engine.llm.batching import BatchPolicy
from nika_core.engine.llm.budget import Budget, Reservation
from nika_core.engine.llm.connections import Connection, Connections
from nika_core.engine.llm.fallback import Candidate
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.request_defaults import DEFAULT_MAX_TOKENS, fit_context, require_abilities
from nika_core.engine.llm.streaming import count, most_tokens
from nika_core.engine.llm.usage_settlement import InFlightCall
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock
from nika_core.model.usage import Usage
from nika_core.plugin import Admission, ModelInfo, ModelRequest, Refusal, Stage, estimate_tokens
from nika_core.values import replace


class Reserver:
    """Reserves for the calls of one run. `tell` shows a notice once in the run."""

    def __init__(
        self,
        budget: Budget,
        prices: Prices,
        connections: Connections,
        clock: Clock,
        batch_policy: BatchPolicy | None,
        admit: Callable[[Admission], Refusal | None] | None,
        tell: Callable[[CallScope, str], None],
    ) -> None:
        self._budget = budget
        self._prices = prices
        self._connections = connections
        self._clock = clock
        self._batch_policy = batch_policy
        self._admit = admit
        self._tell_once = tell

    async def reserve(
        self, candidates: Sequence[Candidate], call: CallScope, kept: Reservation | None
    ) -> tuple[ModelRequest, InFlightCall]:
        """Reserve what the first of these models takes at most, or the dearest of them if that is more.

        Args:
            kept: what was reserved before for a model that was asked nothing.
        """
        candidate = candidates[0]
        connection, info, meant = candidate.connection, candidate.info, candidate.request
        self._connections.breaker(connection, info.name).refuse_while_open()
        unsent = require_abilities(meant, call.agent, info)
        if unsent is not None:
            self._tell_once(call, unsent)
        policy = self._batch_policy
        batch = policy is not None and info.batch and policy.eligible(call, meant)
        most = self._most_tokens(candidates, call, batch=batch) if kept is None else None
        prompt = (await count(meant, connection)).input_tokens if most is None else most
        account, room = call.account, self._budget.ledger.task_room(call.account)
        if kept is not None and kept.is_open and room is not None:
            room += kept.tokens
        ready = fit_context(meant, info, prompt, room)
        ready = replace(ready, key=meant.key or f"{call.key}/{candidate.name}")
        tokens, cost = self._worst_case(ready, call, connection, info, prompt, batch=batch)
        worst = [(tokens, cost), *(self._at_most(other, room, prompt) for other in candidates[1:])]
        reserved = max(each for each, _ in worst)
        dearest = max((each for _, each in worst if each is not None), default=None)
        if kept is not None and kept.is_open:
            if reserved <= kept.tokens and (dearest is None or (kept.cost is not None and dearest <= kept.cost)):
                return ready, self._in_flight(candidate, kept, tokens, cost, prompt, batch=batch)
            kept.give_back()
        try:
            reservation = await self._budget.reserve(
                account, reserved, dearest, title=call.task_id, budgets=call.budgets
            )
        except TaskError as error:
            if (reserved, dearest) != (tokens, cost) and error.hint:
                names = ", ".join(other.info.name for other in candidates[1:])
                error.hint += f" It is reserved for the dearest of `fallback` ({names}), too."
            raise
        reservation.kept = len(candidates) > 1
        if most is not None:  # what it has if nobody says
            prompt = estimate_tokens(meant)
        return ready, self._in_flight(candidate, reservation, tokens, cost, prompt, batch=batch)

    def _most_tokens(self, candidates: Sequence[Candidate], call: CallScope, *, batch: bool) -> int | None:
        """Return what the prompt has at most, if nothing would change if it were counted; None: it has to be counted.

        So a provider is not asked to count what fits in any case.
        """
        candidate = candidates[0]
        provider, info, request = candidate.connection.provider, candidate.info, candidate.request
        exact = self._admit is not None or provider.tokens_per_minute is not None  # they go by the number itself
        if not provider.remote_counter or exact or len(candidates) > 1:
            return None
        prompt, reply = most_tokens(request), request.max_tokens or DEFAULT_MAX_TOKENS
        if info.context_tokens is not None and prompt + reply > info.context_tokens:
            return None
        cost = self._prices.cost(provider.name, info, Usage(prompt, reply), batch=batch)
        return prompt if self._budget.ledger.has_room(call.account, prompt + reply, cost, call.budgets) else None

    def _in_flight(
        self,
        candidate: Candidate,
        reservation: Reservation,
        tokens: int,
        cost: Decimal | None,
        prompt: int,
        *,
        batch: bool,
    ) -> InFlightCall:
        worst = Usage(tokens, 0, cost or Decimal(0))
        began = self._clock.monotonic()
        return InFlightCall(candidate.connection, candidate.info, reservation, worst, prompt, began, batch)

    def _at_most(self, candidate: Candidate, room: int | None, counted: int) -> tuple[int, Decimal | None]:
        """Return the tokens and the cost of a model that may be asked later; nobody has counted its prompt.

        Args:
            counted: tokens of the prompt for the model that is asked now.
        """
        prompt = max(estimate_tokens(candidate.request), counted)
        try:
            reply = fit_context(candidate.request, candidate.info, prompt, room).max_tokens or 0
        except TaskError:  # it cannot hold the conversation, and will not be asked
            return 0, None
        cost = self._prices.cost(candidate.connection.provider.name, candidate.info, Usage(prompt, reply))
        return prompt + reply, cost

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
