"""The budget of works on a worker: each spends no more than its allowance, and asks for more when it needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from nika_core.engine.core.messages import InnerBudget, Wait
from nika_core.engine.core.ports import Suspended
from nika_core.engine.llm.budget import Budget, Reservation
from nika_core.engine.llm.ledger import Bound, SpendingLimits
from nika_core.errors import TaskError
from nika_core.model.json import JsonObject
from nika_core.values import replace

NEEDS: Final = "nika:allowance"  # the key of what a work waits for whose allowance is too small
_OTHERS: Final = "nika:others"
NO_SPENDING: Final[JsonObject] = {"usd": "0", "tokens": 0}


class Allowance:
    """What one work may spend, and what it has spent."""

    def __init__(self, bounds: SpendingLimits, allowed: JsonObject, charged: JsonObject) -> None:
        """Args: charged: what of it was spent, or may have been, in attempts before this one."""
        usd, tokens = allowed["usd"], allowed["tokens"]
        own = replace(
            bounds,
            run_cost=None if usd is None else Bound(Decimal(allowed["usdTotal"]), allowed["usdName"]),
            run_tokens=None if tokens is None else Bound(int(allowed["tokensTotal"]), allowed["tokensName"]),
        )
        self._allowed = allowed
        self.budget = Budget(own)
        # Of the last allowance, all that others have spent is told, as on one machine.
        self._others_usd = Decimal(0) if usd is None else Decimal(allowed["usdTotal"]) - Decimal(usd)
        self._others_tokens = 0 if tokens is None else int(allowed["tokensTotal"]) - int(tokens)
        if self._others_usd or self._others_tokens:
            self.budget.charge(_OTHERS, self._others_tokens, self._others_usd)
        if charged != NO_SPENDING:
            self.budget.charge("", int(charged["tokens"]), Decimal(charged["usd"]))

    @property
    def spent(self) -> JsonObject:
        """What has been spent, or may have been."""
        ledger = self.budget.ledger
        usd, tokens = ledger.spent_usd - self._others_usd, ledger.spent_tokens - self._others_tokens
        return {"usd": str(usd), "tokens": tokens}

    @property
    def held(self) -> JsonObject:
        """What is reserved for calls whose end is not known yet."""
        usd, tokens = self.budget.ledger.reserved
        return {"usd": str(usd), "tokens": tokens}

    @property
    def whole(self) -> JsonObject:
        """All of it: what counts as spent if nobody knows."""
        return {"usd": self._allowed["usd"] or "0", "tokens": self._allowed["tokens"] or 0}

    async def reserve(
        self,
        task: str,
        tokens: int,
        cost: Decimal | None,
        title: str | None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Reservation:
        """Reserve within it. Raise Suspended if more is needed, TaskError if there is no more."""
        try:
            return await self.budget.reserve(task, tokens, cost, title=title, on_wait=on_wait)
        except TaskError:
            room = self.budget.ledger.task_room(task)
            if self._allowed["final"] or (room is not None and room < tokens):
                raise
            about = {"usd": str(cost or 0), "tokens": tokens}
            raise Suspended(Wait(NEEDS, about, patience=None)) from None


class AllowedBudget(Budget):
    """The budget of all works on a worker: each call is charged to the allowance of its work, if that has one."""

    def __init__(self, bounds: SpendingLimits) -> None:
        super().__init__(bounds)
        self.allowances: dict[str, Allowance] = {}  # by the identity of the work's node

    async def reserve(
        self,
        task: str,
        tokens: int,
        cost: Decimal | None,
        *,
        title: str | None = None,
        budgets: Iterable[InnerBudget] = (),
        on_wait: Callable[[str], None] | None = None,
    ) -> Reservation:
        allowance = self.allowances.get(task)
        if allowance is None:
            return await super().reserve(task, tokens, cost, title=title, budgets=budgets, on_wait=on_wait)
        return await allowance.reserve(task, tokens, cost, title, on_wait)
