"""Budgets that cannot be overspent: `Budget` lets calls wait for what a ledger decides."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal

from nika_core.engine.core.messages import InnerBudget
from nika_core.engine.llm.ledger import Grant, Ledger, Shortage, SpendingLimits
from nika_core.values import dataclass, field


@dataclass(slots=True)
class Reservation:
    """What one call may take. Ended exactly once; later ends are ignored, so that clean-up may be careless.

    `kept`: after a call that was never sent it stays, for the call to another model that follows; `give_back` ends it.
    """

    _budget: Budget
    _call: int
    tokens: int
    cost: Decimal | None
    _open: bool = field(default=True)
    kept: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it still holds what was reserved."""
        return self._open

    @property
    def task_bound(self) -> int | None:
        """Tokens that it can hold within its task's limit; None: not bounded, or ended."""
        return self._budget.ledger.task_bound(self._call) if self._open else None

    def grow(self, tokens: int, cost: Decimal | None) -> Shortage | None:
        """Hold at least so much; return the limit that has no room for it, and change nothing then."""
        if not self._open or (tokens <= self.tokens and (cost is None or cost <= (self.cost or 0))):
            return None
        short = self._budget.ledger.grow(self._call, tokens, cost)
        if short is None:
            self.tokens = max(tokens, self.tokens)
            self.cost = self.cost if cost is None else max(cost, self.cost or cost)
        return short

    def settle(self, tokens: int, cost: Decimal) -> None:
        """Settle a call with what it really took."""
        if self._close():
            self._budget.apply(self._budget.ledger.settle(self._call, tokens, cost))

    def release(self) -> None:
        """Release what is reserved for a call that was never sent."""
        if not self.kept:
            self.give_back()

    def give_back(self) -> None:
        """Give back what is reserved, because no call follows."""
        if self._close():
            self._budget.apply(self._budget.ledger.release(self._call))

    def charge_worst_case(self, worst: tuple[int, Decimal] | None = None) -> None:
        """Keep what a call took, which is unknown, reserved; `worst`: its tokens and cost, if more was reserved."""
        if self._close():
            self._budget.apply(self._budget.ledger.charge_worst_case(self._call, worst))

    def _close(self) -> bool:
        was_open, self._open = self._open, False
        return was_open


class Budget:
    """The ledger for calls that wait. One event loop; safe against cancellation at every point."""

    def __init__(self, bounds: SpendingLimits) -> None:
        self.ledger = Ledger(bounds)
        self._waiters: dict[int, asyncio.Future[None]] = {}

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
        """Wait until the call fits. Raises TaskError (category budget) when it cannot fit any more.

        Args:
            on_wait: told the limit of which others hold too much, if it has to wait.
        """
        call, decisions = self.ledger.request(task, tokens, cost, title, budgets)
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[call] = waiter
        self.apply(decisions)
        reservation = Reservation(self, call, tokens, cost)
        held_up_by = None if on_wait is None else self.ledger.held_up_by(call)
        if on_wait is not None and held_up_by is not None:
            on_wait(held_up_by)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                if waiter.exception() is None:  # granted and cancelled in the same turn of the loop
                    reservation.release()
            else:
                self.apply(self.ledger.withdraw(call))
            raise
        finally:
            self._waiters.pop(call, None)
        return reservation

    def charge(self, task: str, tokens: int, cost: Decimal, *, unknown: bool = False) -> None:
        """Count what was spent (or, `unknown`, may have been) without a reservation."""
        self.apply(self.ledger.charge(task, tokens, cost, unknown=unknown))

    def apply(self, decisions: Iterable[Grant]) -> None:
        """Wake the calls that may go, and those that never can."""
        todo = deque(decisions)
        while todo:
            decision = todo.popleft()
            waiter = self._waiters.get(decision.call)
            if waiter is None:
                continue
            if waiter.done():
                # Its task was cancelled in this turn of the loop and does not know yet: the grant is taken back.
                if waiter.cancelled() and decision.refusal is None:
                    todo.extend(self.ledger.release(decision.call))
            elif decision.refusal is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(decision.refusal)
