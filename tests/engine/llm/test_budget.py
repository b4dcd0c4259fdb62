"""No schedule of calls overspends a budget, waits for ever or loses what it had reserved."""

from __future__ import annotations

import asyncio
import inspect
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core import codes
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.ledger import Bound, Ledger, SpendingLimits
from nika_core.errors import Category, TaskError
from nika_core.model.limits import Limit, LimitKind, Limits, Unit

FREE = Decimal(0)


def bounds(task: int | None = None, run: int | None = None, cost: str | None = None) -> SpendingLimits:
    return SpendingLimits(
        None if task is None else Bound(task, "NIKA_MAX_TOKENS_TASK"),
        None if run is None else Bound(run, "NIKA_MAX_TOKENS_TOTAL"),
        None if cost is None else Bound(Decimal(cost), "NIKA_MAX_COST"),
    )


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_call_that_fits_goes_at_once_and_one_that_is_a_token_too_large_never() -> None:
    budget = Budget(bounds(task=100))
    await budget.reserve("a", 100, FREE)
    with pytest.raises(TaskError, match=r"101 tokens, but task 'b' has 100 tokens left of 100 tokens"):
        await budget.reserve("b", 101, FREE)


async def test_a_refusal_has_the_category_the_code_the_figures_and_the_variable() -> None:
    budget = Budget(bounds(run=1000, cost="0.50"))
    (await budget.reserve("a", 400, Decimal("0.2"))).settle(300, Decimal("0.15"))
    with pytest.raises(TaskError) as tokens:
        await budget.reserve("a", 701, FREE)
    assert (tokens.value.category, tokens.value.code) == (Category.BUDGET, codes.TOKEN_BUDGET)
    assert not tokens.value.retriable
    for figure in ("701 tokens", "700 tokens left", "1,000 tokens", "NIKA_MAX_TOKENS_TOTAL", "300 tokens used"):
        assert figure in tokens.value.message
    with pytest.raises(TaskError) as cost:
        await budget.reserve("a", 1, Decimal("0.36"))
    assert cost.value.code == codes.COST_BUDGET
    for figure in ("$0.3600", "$0.3500 left", "$0.5000", "NIKA_MAX_COST"):
        assert figure in cost.value.message


async def test_a_call_waits_while_one_in_flight_may_still_give_something_back() -> None:
    budget = Budget(bounds(run=100))
    first = await budget.reserve("a", 80, FREE)
    second = asyncio.create_task(budget.reserve("b", 60, FREE))
    await settled()
    assert not second.done()
    first.settle(40, FREE)
    (await second).settle(60, FREE)
    assert budget.ledger.spent_tokens == 100


async def test_a_waiting_call_is_refused_as_soon_as_it_cannot_fit_any_more() -> None:
    budget = Budget(bounds(run=100))
    first = await budget.reserve("a", 80, FREE)
    second = asyncio.create_task(budget.reserve("b", 60, FREE))
    await settled()
    first.settle(41, FREE)
    with pytest.raises(TaskError, match="59 tokens left"):
        await second


async def test_calls_wait_first_come_first_served() -> None:
    budget = Budget(bounds(run=100))
    first = await budget.reserve("a", 80, FREE)
    large = asyncio.create_task(budget.reserve("b", 90, FREE))
    await settled()
    small = asyncio.create_task(budget.reserve("c", 10, FREE))
    await settled()
    assert not small.done()  # it would fit, but the large one waits for the same account
    first.release()
    (await large).settle(5, FREE)
    (await small).release()


async def test_a_call_that_waits_for_its_own_task_does_not_hold_up_another_task() -> None:
    budget = Budget(bounds(task=100, run=1000))
    first = await budget.reserve("a", 80, FREE)
    second = asyncio.create_task(budget.reserve("a", 80, FREE))
    await settled()
    await asyncio.wait_for(budget.reserve("b", 80, FREE), 5)
    assert not second.done()
    first.release()
    await second


async def test_a_call_whose_usage_is_unknown_keeps_its_reservation() -> None:
    budget = Budget(bounds(run=100, cost="1"))
    (await budget.reserve("a", 70, Decimal("0.7"))).charge_worst_case()
    with pytest.raises(TaskError, match="by calls whose usage is unknown"):
        await budget.reserve("b", 31, FREE)
    await budget.reserve("b", 30, Decimal("0.3"))


async def test_usage_beyond_the_reservation_is_counted_as_a_debt() -> None:
    budget = Budget(bounds(run=100))
    (await budget.reserve("a", 50, FREE)).settle(130, FREE)
    with pytest.raises(TaskError, match=r"has 0 tokens left.*130 tokens used"):
        await budget.reserve("b", 1, FREE)


async def test_how_much_a_run_is_over_its_limits_is_said() -> None:
    budget = Budget(bounds(run=100, cost="1"))
    (await budget.reserve("a", 50, Decimal("0.1"))).settle(100, Decimal(1))
    assert budget.ledger.overdrafts() == []
    budget.ledger.charge("a", 1030, Decimal("0.25"))
    tokens, cost = budget.ledger.overdrafts()
    assert tokens.startswith("the run took 1,130 tokens, 1,030 tokens more than NIKA_MAX_TOKENS_TOTAL allows")
    assert cost.startswith("the run took $1.2500, $0.2500 more than NIKA_MAX_COST allows")
    assert Budget(bounds()).ledger.overdrafts() == []


async def test_an_unpriced_call_is_bounded_by_tokens_only() -> None:
    budget = Budget(bounds(run=100, cost="0"))
    (await budget.reserve("a", 50, None)).settle(50, FREE)
    with pytest.raises(TaskError, match="NIKA_MAX_TOKENS_TOTAL"):
        await budget.reserve("a", 51, None)


async def test_a_zero_budget_lets_only_what_is_free_through() -> None:
    budget = Budget(bounds(cost="0"))
    await budget.reserve("a", 10_000, FREE)
    with pytest.raises(TaskError, match="NIKA_MAX_COST"):
        await budget.reserve("a", 1, Decimal("0.000001"))


async def test_without_bounds_everything_goes() -> None:
    await Budget(SpendingLimits()).reserve("a", 10**12, Decimal(10**9))


async def test_what_an_earlier_run_spent_is_charged() -> None:
    budget = Budget(bounds(task=100, run=100, cost="1"))
    budget.charge("a", 60, Decimal("0.9"))
    with pytest.raises(TaskError, match="40 tokens left"):
        await budget.reserve("a", 41, FREE)
    assert (budget.ledger.spent_tokens, budget.ledger.spent_usd) == (60, Decimal("0.9"))
    assert budget.ledger.task_room("a") == 40


async def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    budget = Budget(bounds(run=100))
    first = await budget.reserve("a", 80, FREE)
    large = asyncio.create_task(budget.reserve("b", 90, FREE))
    await settled()
    small = asyncio.create_task(budget.reserve("c", 20, FREE))
    await settled()
    large.cancel()
    with pytest.raises(asyncio.CancelledError):
        await large
    await asyncio.wait_for(small, 5)
    first.release()


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_a_grant_and_a_cancellation_in_one_turn_of_the_loop_lose_nothing(cancel_first: bool) -> None:
    budget = Budget(bounds(run=100))
    first = await budget.reserve("a", 100, FREE)
    second = asyncio.create_task(budget.reserve("b", 100, FREE))
    await settled()
    if cancel_first:
        second.cancel()
        first.release()
    else:
        first.release()
        second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (budget.ledger.in_flight, budget.ledger.waiting) == (0, 0)
    await asyncio.wait_for(budget.reserve("c", 100, FREE), 5)


async def test_many_cancelled_waiters_are_undone_without_recursion() -> None:
    budget = Budget(bounds(run=1))
    first = await budget.reserve("a", 1, FREE)
    waiters = [asyncio.create_task(budget.reserve("b", 1, FREE)) for _ in range(500)]
    await settled()
    for waiter in waiters:
        waiter.cancel()
    allowed = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        first.release()
        await asyncio.gather(*waiters, return_exceptions=True)
    finally:
        sys.setrecursionlimit(allowed)
    assert (budget.ledger.in_flight, budget.ledger.waiting) == (0, 0)


async def test_a_reservation_ends_once() -> None:
    budget = Budget(bounds(run=100))
    held = await budget.reserve("a", 50, FREE)
    held.settle(10, FREE)
    held.charge_worst_case()
    held.release()
    assert budget.ledger.spent_tokens == 10
    await budget.reserve("a", 90, FREE)


def test_the_smaller_of_the_environments_and_the_workflows_cost_holds() -> None:
    limits = Limits([Limit(LimitKind.RUN_COST, 10.0, Unit.USD, "NIKA_MAX_COST")])
    assert SpendingLimits.of(limits).run_cost == Bound(Decimal("10.0"), "NIKA_MAX_COST")
    assert SpendingLimits.of(limits, 2.5).run_cost == Bound(Decimal("2.5"), "agent.maxBudgetUsd")
    assert SpendingLimits.of(limits, 25.0).run_cost == Bound(Decimal("10.0"), "NIKA_MAX_COST")
    assert SpendingLimits.of(Limits(), 0.1).run_cost == Bound(Decimal("0.1"), "agent.maxBudgetUsd")
    assert SpendingLimits.of(Limits()) == SpendingLimits()


CALLS = st.lists(
    st.tuples(
        st.integers(0, 3),  # task
        st.integers(0, 120),  # tokens
        st.one_of(st.none(), st.integers(0, 120)),  # cost in cents; None: unpriced
        st.floats(0, 1),  # how much of it is really used
        st.sampled_from(["settle", "settle", "settle", "hold", "release", "cancel"]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(
    calls=CALLS,
    order=st.randoms(use_true_random=False),
    task=st.integers(0, 200),
    run=st.integers(0, 400),
    cost=st.integers(0, 400),
)
def test_no_schedule_overspends_or_leaves_anyone_waiting(calls, order, task, run, cost) -> None:  # type: ignore[no-untyped-def]  # hypothesis
    limit = Decimal(cost) / 100
    ledger = Ledger(SpendingLimits(Bound(task, "t"), Bound(run, "r"), Bound(limit, "c")))
    plans: dict[int, tuple[int, int, int | None, float, str]] = {}
    flying: list[int] = []
    waiting: set[int] = set()
    ended = 0
    used: dict[int, int] = {}
    used_cost = Decimal(0)

    def take(decisions) -> None:  # type: ignore[no-untyped-def]  # hypothesis
        nonlocal ended
        for decision in decisions:
            waiting.discard(decision.call)
            if decision.refusal is None:
                flying.append(decision.call)
            else:
                ended += 1

    queue = list(calls)
    while queue or flying or waiting:
        choice = order.random()
        if queue and (choice < 0.5 or not flying):
            plan = queue.pop()
            cents = plan[2]
            number, decisions = ledger.request(f"t{plan[0]}", plan[1], None if cents is None else Decimal(cents) / 100)
            plans[number] = plan
            waiting.add(number)
            take(decisions)
        elif flying:
            number = flying.pop(order.randrange(len(flying)))
            which, tokens, cents, share, how = plans[number]
            ended += 1
            if how == "release":
                take(ledger.release(number))
            elif how == "hold":
                used[which] = used.get(which, 0) + tokens
                used_cost += Decimal(cents or 0) / 100
                take(ledger.charge_worst_case(number))
            else:
                real, paid = int(tokens * share), Decimal(int((cents or 0) * share)) / 100
                used[which] = used.get(which, 0) + real
                used_cost += paid
                take(ledger.settle(number, real, paid))
        else:
            raise AssertionError("a call waits although nothing is in flight")
        if waiting and choice > 0.9:
            number = order.choice(sorted(waiting))
            if plans[number][4] == "cancel":
                waiting.discard(number)
                ended += 1
                take(ledger.withdraw(number))
        assert all(tokens <= task for tokens in used.values())
        assert sum(used.values()) <= run
        assert used_cost <= limit
    assert ended == len(calls)
    assert (ledger.in_flight, ledger.waiting) == (0, 0)
    assert ledger.spent_tokens == sum(used.values())


@settings(max_examples=200, deadline=None)
@given(calls=CALLS, seed=st.integers(0, 2**31))
def test_the_same_requests_in_the_same_order_get_the_same_decisions(calls, seed: int) -> None:  # type: ignore[no-untyped-def]  # hypothesis
    def play() -> list[tuple[int, bool]]:
        ledger = Ledger(bounds(150, 300, "3"))
        log: list[tuple[int, bool]] = []
        flying: list[int] = []
        for which, tokens, cents, *_ in calls:
            _, decisions = ledger.request(str(which), tokens, None if cents is None else Decimal(cents) / 100)
            flying += [d.call for d in decisions if d.refusal is None]
            if flying and seed % 2:
                decisions += ledger.settle(flying.pop(0), 1, Decimal(0))
            log += [(d.call, d.refusal is None) for d in decisions]
        return log

    assert play() == play()


async def test_a_thousand_parallel_calls_on_the_loop_stay_within_the_budget() -> None:
    budget = Budget(bounds(task=None, run=5000, cost="5"))
    spent: list[int] = []

    async def call(i: int) -> None:
        try:
            reservation = await budget.reserve(f"t{i % 7}", 10 + i % 40, Decimal(i % 5) / 1000)
        except TaskError:
            return
        for _ in range(i % 4):
            await asyncio.sleep(0)
        if i % 11 == 0:
            reservation.release()
            return
        real = (10 + i % 40) // (1 + i % 3)
        spent.append(real)
        reservation.settle(real, Decimal(0))

    tasks = [asyncio.create_task(call(i)) for i in range(1000)]
    for i in range(0, 1000, 17):
        tasks[i].cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert sum(spent) <= 5000
    assert sum(spent) > 4900
    assert (budget.ledger.in_flight, budget.ledger.waiting) == (0, 0)
