"""Allowances: together they never exceed the budget, and nobody waits for what cannot come."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.app.backend.allowances import Allowances
from nika_core.engine.core.messages import InnerBudget
from nika_core.engine.llm.ledger import Bound, SpendingLimits

LIMITS = SpendingLimits(None, Bound(1000, "NIKA_MAX_TOKENS_TOTAL"), Bound(Decimal(10), "NIKA_MAX_COST"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 4), st.booleans(), st.integers(0, 100)), min_size=1, max_size=30
    )
)
def test_works_never_spend_more_than_the_budget_and_none_waits_for_ever(
    works: list[tuple[int, int, bool, int]],
) -> None:
    """Each work needs so many tokens and dollars; it takes a part of them, or is lost with its worker."""
    allowances, under_way, spent_tokens, spent_usd = Allowances(LIMITS), [], 0, Decimal(0)
    wanted = {str(number): work for number, work in enumerate(works)}
    for name in wanted:
        allowances.ask(name)
    under_way += allowances.grants()
    ended = 0
    while under_way:
        name, allowance = under_way.pop(0)
        tokens, usd, lost, percent = wanted[name]
        have_tokens, have_usd = allowance["tokens"], Decimal(allowance["usd"])
        if tokens <= have_tokens and usd <= have_usd:
            taken = (have_tokens, have_usd) if lost else (tokens * percent // 100, Decimal(usd) * percent / 100)
            spent_tokens, spent_usd = spent_tokens + taken[0], spent_usd + taken[1]
            allowances.settle(name, None if lost else {"usd": str(taken[1]), "tokens": taken[0]})
            ended += 1
        else:
            allowances.settle(name, {"usd": "0", "tokens": 0})
            if allowance["final"]:
                ended += 1  # it fails: there is no more
            else:
                allowances.ask(name, needs={"usd": str(usd), "tokens": tokens})
        under_way += allowances.grants()
        assert spent_tokens <= 1000
        assert spent_usd <= 10

    assert ended == len(works)


def test_a_work_is_bounded_by_the_workflow_that_it_is_inside_of() -> None:
    allowances = Allowances(SpendingLimits())
    inside = InnerBudget("sections#1", "sections", 2.0)

    allowances.ask("sections/write#1", [inside])
    [(_, first)] = allowances.grants()
    allowances.settle("sections/write#1", {"usd": "0.5", "tokens": 100})
    allowances.ask("sections/edit#1", [inside], {"usd": "1.5", "tokens": 0})
    [(_, second)] = allowances.grants()

    assert Decimal(first["usd"]) == Decimal("0.5")
    assert Decimal(second["usd"]) == Decimal("1.5")
    assert first["tokens"] is None
    assert not allowances.bounded()
    assert allowances.bounded([inside])


def test_works_that_start_together_have_equal_allowances() -> None:
    allowances = Allowances(LIMITS)

    for number in range(100):
        allowances.ask(f"many[{number}]#1")
    granted = [allowance for _, allowance in allowances.grants()]

    early = granted[:-4]  # what is left for the last ones is divided as if there were more
    assert {allowance["tokens"] for allowance in early} == {10}
    assert {round(Decimal(allowance["usd"]), 6) for allowance in early} == {Decimal("0.1")}


def test_what_nobody_knows_of_counts_as_spent() -> None:
    allowances = Allowances(LIMITS)

    allowances.ask("a#1", needs={"usd": "10", "tokens": 1000})
    allowances.grants()
    allowances.settle("a#1", None)
    allowances.ask("b#1", needs={"usd": "1", "tokens": 1})
    [(_, last)] = allowances.grants()

    assert last["final"]
    assert Decimal(last["usd"]) == 0


def test_what_is_held_for_a_work_is_nobody_elses_and_outlives_a_snapshot() -> None:
    allowances = Allowances(LIMITS)
    allowances.ask("batch", needs={"usd": "6", "tokens": 600})
    allowances.grants()

    allowances.hold("batch", {"usd": "1", "tokens": 100}, {"usd": "4", "tokens": 400})
    allowances.ask("other", needs={"usd": "5.5", "tokens": 10})
    waits = allowances.grants()
    again = Allowances(LIMITS)
    again.restore(allowances.snapshot())
    held = again.again("batch")
    again.settle("batch", {"usd": "0", "tokens": 0})
    again.ask("other", needs={"usd": "9", "tokens": 900})

    assert waits == []
    assert held is not None
    assert (held["usd"], held["tokens"]) == ("4", 400)
    assert [name for name, _ in again.grants()] == ["other"]
