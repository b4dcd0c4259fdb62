"""The accounts of a run: what a call may cost at worst is reserved before it, and settled after it.

`Ledger` decides and is pure: the same requests in the same order give the same decisions. Three accounts bound a
call: its task's tokens, the run's tokens and the run's cost.

A call whose worst case does not fit waits, first come first served, while calls in flight may still give something
back; when even all that they hold would not be enough, it is refused. So nobody waits for ever: the call that waits
longest fits, or can never fit, as soon as nothing is in flight. A call whose real usage never became known keeps what
it had reserved. A model without a known price is bounded by tokens only: it takes no part in the cost account.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from nika_core import codes
from nika_core.engine.core.messages import InnerBudget
from nika_core.errors import Category, TaskError
from nika_core.model.limits import LimitKind, Limits
from nika_core.model.usage import money_text
from nika_core.values import dataclass

Number = int | Decimal
_NOTHING: Final = 0
_NO_MONEY: Final = Decimal(0)
MAX_BUDGET: Final = "agent.maxBudgetUsd"


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit and what a user changes it by."""

    value: Number
    name: str


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """What may be spent; None: not bounded. Cost in US dollars."""

    task_tokens: Bound | None = None
    run_tokens: Bound | None = None
    run_cost: Bound | None = None

    @classmethod
    def of(cls, limits: Limits, max_budget_usd: float | None = None) -> SpendingLimits:
        """Return the policies' limits; `max_budget_usd` is the workflow's own, which only narrows."""
        cost = _bound(limits, LimitKind.RUN_COST, money=True)
        own = None if max_budget_usd is None else Bound(_money(max_budget_usd), MAX_BUDGET)
        if own is not None and (cost is None or own.value < cost.value):
            cost = own
        return cls(_bound(limits, LimitKind.TASK_TOKENS), _bound(limits, LimitKind.RUN_TOKENS), cost)


def _bound(limits: Limits, measure: LimitKind, *, money: bool = False) -> Bound | None:
    limit = limits.bounds.get(measure)
    if limit is None:
        return None
    return Bound(_money(limit.value) if money else int(limit.value), limit.name or str(measure))


def _money(amount: float) -> Decimal:
    return Decimal(repr(amount))


@dataclass(slots=True)
class _Account:
    """`spent`: settled; `held`: of calls whose usage is unknown; `reserved`: of calls in flight."""

    title: str
    code: str
    bound: Bound
    spent: Number = _NOTHING
    held: Number = _NOTHING
    reserved: Number = _NOTHING

    def room(self) -> Number:
        return self.best() - self.reserved

    def best(self) -> Number:
        """Return what would be left if everything in flight were given back."""
        return self.bound.value - self.spent - self.held


@dataclass(frozen=True, slots=True)
class Grant:
    """A call may go, or (`refusal`) never can."""

    call: int
    refusal: TaskError | None = None


@dataclass(frozen=True, slots=True)
class Shortage:
    """The limit that has no room for a call that wants more, and the code of the error."""

    limit: str
    code: str


@dataclass(slots=True)
class _Call:
    """What a call holds of its accounts."""

    id: int
    task: str
    wants: tuple[tuple[_Account, Number], ...]
    tokens: int
    cost: Decimal | None


class Ledger:
    """The accounts of one run. Every method returns the grants that it leads to, in order."""

    def __init__(self, bounds: SpendingLimits) -> None:
        self.bounds = bounds
        self._tasks: dict[str, _Account] = {}
        self._run = _account("the run", codes.TOKEN_BUDGET, bounds.run_tokens)
        self._cost = _account("the run", codes.COST_BUDGET, bounds.run_cost)
        self._inner: dict[str, _Account] = {}  # of workflows that tasks stand for
        self._earlier: dict[str, tuple[Decimal, Decimal]] = {}  # what nodes cost, and may have cost, before this life
        self._queue: dict[int, _Call] = {}
        self._flying: dict[int, _Call] = {}
        self._next = 0
        self.spent_tokens = 0
        self.spent_usd = Decimal(0)

    def task_room(self, task: str) -> int | None:
        """Return how many tokens `task` may still take; None: not bounded."""
        account = self._task(task)
        return None if account is None else int(account.room())

    def overdrafts(self) -> list[str]:
        """Return by how much the run is over its limits, a sentence each: a call in flight can take more than asked."""
        sentences = []
        for account in (self._run, self._cost):
            if account is not None and account.best() < 0:
                taken, more = _shown(account, account.spent + account.held), _shown(account, -account.best())
                why = "calls that were on their way took more than they were asked to"
                sentences.append(f"the run took {taken}, {more} more than {account.bound.name} allows: {why}")
        return sentences

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    @property
    def reserved(self) -> tuple[Decimal, int]:
        """What calls in flight hold, in US dollars and tokens."""
        flying = self._flying.values()
        return sum((call.cost or Decimal(0) for call in flying), Decimal(0)), sum(call.tokens for call in flying)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def request(
        self,
        task: str,
        tokens: int,
        cost: Decimal | None,
        title: str | None = None,
        budgets: Iterable[InnerBudget] = (),
    ) -> tuple[int, list[Grant]]:
        """Ask for `tokens` and `cost` (US dollars; None: no known price). Return the call's number.

        Args:
            task: the identity of the node that calls: each item, round and inner task has an account of its own.
            title: its id, for messages.
            budgets: those of the workflows that it is inside of.
        """
        wants = self._wants(task, tokens, cost, title, budgets)
        self._next += 1
        self._queue[self._next] = _Call(self._next, task, tuple(wants), tokens, cost)
        return self._next, self._scan()

    def fits(self, task: str, tokens: int, cost: Decimal | None, budgets: Iterable[InnerBudget] = ()) -> bool:
        """Return whether a call would be granted at once."""
        wants = self._wants(task, tokens, cost, None, budgets)
        return not self._queue and all(account.room() >= amount for account, amount in wants)

    def _wants(
        self, task: str, tokens: int, cost: Decimal | None, title: str | None, budgets: Iterable[InnerBudget]
    ) -> list[tuple[_Account, Number]]:
        wants: list[tuple[_Account, Number]] = []
        inner = [(self._of_workflow(budget), cost) for budget in budgets]
        for account, amount in ((self._task(task, title), tokens), (self._run, tokens), (self._cost, cost), *inner):
            if account is not None and amount is not None:
                wants.append((account, amount))
        return wants

    def settle(self, call: int, tokens: int, cost: Decimal) -> list[Grant]:
        """Settle a call with what it really took, be it more than was reserved."""
        done = self._give_back(call)
        for account, _ in done.wants:
            account.spent += cost if account.code == codes.COST_BUDGET else tokens
        self._count(tokens, cost)
        return self._scan()

    def task_bound(self, call: int) -> int | None:
        """Return the tokens that a call in flight can take within its task's limit; None: not bounded."""
        flying = self._flying[call]
        room = self.task_room(flying.task)
        return None if room is None else room + flying.tokens

    def grow(self, call: int, tokens: int, cost: Decimal | None) -> Shortage | None:
        """Reserve at least so much for a call in flight, before any call that waits. Return the limit that has no room
        for it, and change nothing then.
        """
        flying = self._flying[call]
        tokens = max(tokens, flying.tokens)
        cost = flying.cost if cost is None else max(cost, flying.cost or _NO_MONEY)
        grown = tuple(
            (account, (cost or _NO_MONEY) if account.code == codes.COST_BUDGET else tokens)
            for account, _ in flying.wants
        )
        steps = [(account, new - old) for (account, old), (_, new) in zip(flying.wants, grown, strict=True)]
        short = next((account for account, more in steps if more and account.room() < more), None)
        if short is not None:
            return Shortage(short.bound.name, short.code)
        for account, more in steps:
            account.reserved += more
        flying.wants, flying.tokens, flying.cost = grown, tokens, cost
        return None

    def release(self, call: int) -> list[Grant]:
        """Give back everything that was reserved for a call that was never sent."""
        self._give_back(call)
        return self._scan()

    def charge_worst_case(self, call: int, worst: tuple[int, Decimal] | None = None) -> list[Grant]:
        """Count the worst case of a call, because what it took will never be known.

        Args:
            worst: its tokens and cost, if more was reserved than this call can have taken.
        """
        done = self._give_back(call)
        tokens, cost = worst or (done.tokens, done.cost or _NO_MONEY)
        for account, _ in done.wants:
            account.held += cost if account.code == codes.COST_BUDGET else tokens
        self._count(tokens, cost)
        return self._scan()

    def held_up_by(self, call: int) -> str | None:
        """Return the limit of which calls in flight, or those that came first, hold too much for a call that waits.

        None: it does not wait.
        """
        waiting = self._queue.get(call)
        if waiting is None:
            return None
        short = (account for account, amount in waiting.wants if account.room() < amount)
        account = next(short, None) or waiting.wants[0][0]
        return account.bound.name

    def withdraw(self, call: int) -> list[Grant]:
        """Withdraw a call that waits and is no longer wanted."""
        self._queue.pop(call, None)
        return self._scan()

    def charge(self, task: str, tokens: int, cost: Decimal, *, unknown: bool = False) -> list[Grant]:
        """Count what was spent without a reservation, e.g. in an earlier life of the run.

        Args:
            unknown: it is the worst case of calls whose usage nobody knows.
        """
        for account, amount in ((self._task(task), tokens), (self._run, tokens), (self._cost, cost)):
            if account is not None and unknown:
                account.held += amount
            elif account is not None:
                account.spent += amount
        known, unclear = self._earlier.get(task, (_NO_MONEY, _NO_MONEY))
        self._earlier[task] = (known, unclear + cost) if unknown else (known + cost, unclear)
        self._count(tokens, cost)
        return self._scan()

    def _of_workflow(self, budget: InnerBudget) -> _Account:
        """Return the account of one run of a workflow that a task stands for."""
        account = self._inner.get(budget.account)
        if account is None:
            title, bound = f"the workflow of '{budget.title}'", Bound(_money(budget.usd), MAX_BUDGET)
            account = self._inner[budget.account] = _Account(title, codes.COST_BUDGET, bound)
            account.spent = account.held = _NO_MONEY
            for node, (known, unclear) in self._earlier.items():
                if budget.since and node.startswith(f"{budget.since}/"):
                    account.spent += known
                    account.held += unclear
        return account

    def _count(self, tokens: int, cost: Decimal) -> None:
        self.spent_tokens += tokens
        self.spent_usd += cost

    def _task(self, task: str, title: str | None = None) -> _Account | None:
        if self.bounds.task_tokens is None:
            return None
        account = self._tasks.get(task)
        if account is None:
            account = self._tasks[task] = _Account(f"task '{task}'", codes.TOKEN_BUDGET, self.bounds.task_tokens)
        if title is not None:
            account.title = f"task '{title}'"
        return account

    def _give_back(self, call: int) -> _Call:
        done = self._flying.pop(call)
        for account, amount in done.wants:
            account.reserved -= amount
        return done

    def _scan(self) -> list[Grant]:
        """Let go what fits, in order; who comes later never takes what an earlier call waits for."""
        decisions: list[Grant] = []
        contested: set[int] = set()
        for waiting in list(self._queue.values()):
            short = [(account, amount) for account, amount in waiting.wants if account.room() < amount]
            never = next(((account, amount) for account, amount in short if account.best() < amount), None)
            if never is not None:
                del self._queue[waiting.id]
                decisions.append(Grant(waiting.id, _refusal(waiting, *never)))
                continue
            if short or (contested and any(id(account) in contested for account, _ in waiting.wants)):
                contested.update(id(account) for account, _ in short)
                continue
            del self._queue[waiting.id]
            self._flying[waiting.id] = waiting
            for account, amount in waiting.wants:
                account.reserved += amount
            decisions.append(Grant(waiting.id))
        return decisions


def _account(title: str, code: str, bound: Bound | None) -> _Account | None:
    return None if bound is None else _Account(title, code, bound)


def _shown(account: _Account, amount: Number) -> str:
    return money_text(amount, 4) if account.code == codes.COST_BUDGET else f"{amount:,} tokens"


def _refusal(call: _Call, account: _Account, amount: Number) -> TaskError:
    used = account.spent + account.held
    held = f", {_shown(account, account.held)} of it by calls whose usage is unknown" if account.held else ""
    message = (
        f"A call to a model may take up to {_shown(account, amount)}, but {account.title} has "
        f"{_shown(account, max(account.best(), _NOTHING))} left of {_shown(account, account.bound.value)} "
        f"({account.bound.name}; {_shown(account, used)} used{held}). Nothing was sent."
    )
    hint = f"Raise {account.bound.name}, lower maxTokens, or shorten the prompt."
    return TaskError(message, category=Category.BUDGET, code=account.code, hint=hint)
