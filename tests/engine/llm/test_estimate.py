"""What a workflow will consume: low and high, unbounded with the reason, unpriced, and refused when it is hopeless."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.engine.core.task_usage import usage_by_task
from nika_core.engine.llm.budget import Budget
from nika_core.engine.llm.estimate import (
    Repetitions,
    TaskForecast,
    certain_tasks,
    check_budget,
    forecast_items,
    forecast_rounds,
    forecast_run,
    forecast_task,
)
from nika_core.engine.llm.ledger import Bound, SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.recorded_usage import charge_earlier
from nika_core.errors import RefusedError
from nika_core.model.codec import usage_json
from nika_core.model.events import Event, EventKind
from nika_core.model.graph import Edge, EdgeKind, Graph
from nika_core.model.usage import Usage
from nika_core.plugin import CallEstimate, Estimate, ModelInfo, Price, Provider

PRICE = Price(Decimal(1), Decimal(10))
TASK_LIMIT = SpendingLimits(task_tokens=Bound(1000, "NIKA_MAX_TOKENS_TASK"))


def forecast(
    *calls: CallEstimate, bounds: SpendingLimits | None = None, info: ModelInfo | None = None, **money: float | None
) -> TaskForecast:
    known = info or ModelInfo("m", price=PRICE)
    provider = Provider(name="acme", summary="Models.", client="acme:Client")
    return forecast_task(
        "t",
        Estimate(calls, **money),  # type: ignore[arg-type]  # fields by name
        dict.fromkeys((call.model for call in calls), (provider, known)),
        Prices(public=False),
        bounds or SpendingLimits(),
    )


def test_a_task_without_calls_costs_nothing() -> None:
    assert forecast() == TaskForecast("t")


def test_low_is_the_prompt_and_high_the_longest_reply() -> None:
    found = forecast(CallEstimate(None, 100, 100, 50, exact=True))
    assert (found.tokens_low, found.tokens_high, found.exact) == (100, 150, True)
    assert (found.cost_low, found.cost_high) == (Decimal("0.0001"), Decimal("0.0006"))


def test_calls_multiply() -> None:
    found = forecast(CallEstimate(None, 100, 200, 50, calls_low=1, calls_high=10))
    assert (found.tokens_low, found.tokens_high) == (100, 2500)


def test_a_reply_is_never_longer_than_the_model_writes_and_a_prompt_than_it_holds() -> None:
    info = ModelInfo("m", context_tokens=500, max_output_tokens=40, price=PRICE)
    assert forecast(CallEstimate(None, 100, None, 999), info=info).tokens_high == 540
    assert forecast(CallEstimate(None, 100, 10_000, None), info=info).tokens_high == 540


def test_what_nothing_bounds_is_unbounded_with_its_reason() -> None:
    found = forecast(CallEstimate(None, 100, 100, 50, calls_high=None, reason="maxTurns is not set"))
    assert (found.tokens_high, found.cost_high, found.reason) == (None, None, "maxTurns is not set")


def test_a_limit_bounds_what_nothing_else_does_and_prices_it_at_its_dearest() -> None:
    found = forecast(CallEstimate(None, 100, 100, 50, calls_high=None, reason="maxTurns is not set"), bounds=TASK_LIMIT)
    assert (found.tokens_high, found.cost_high) == (1000, Decimal("0.01"))
    assert found.reason == "maxTurns is not set; bounded by NIKA_MAX_TOKENS_TASK alone"


def test_a_limit_cuts_a_larger_estimate_and_never_raises_its_cost() -> None:
    found = forecast(CallEstimate(None, 100, 5000, 10), bounds=TASK_LIMIT)
    assert (found.tokens_high, found.cost_high) == (1000, Decimal("0.0051"))
    assert "cut by NIKA_MAX_TOKENS_TASK" in found.reason


def test_an_unpriced_model_is_named_and_costs_neither_low_nor_high() -> None:
    found = forecast(CallEstimate(None, 100, 100, 50), info=ModelInfo("acme-large"))
    assert (found.unpriced, found.cost_low, found.cost_high) == (("acme-large",), Decimal(0), Decimal(0))
    assert found.tokens_high == 150


def test_money_that_is_not_for_tokens_counts_too() -> None:
    found = forecast(cost_low=0.5, cost_high=1.5)
    assert (found.cost_low, found.cost_high) == (Decimal("0.5"), Decimal("1.5"))
    assert forecast(cost_low=0.5, cost_high=None).cost_high is None


class Maybe:
    text = "x"
    placeholders = ()

    def evaluate(self, resolve: object) -> bool:
        return False


def graph(*edges: Edge) -> Graph:
    order = tuple(dict.fromkeys(name for edge in edges for name in (edge.source, edge.target)))
    return Graph(
        order,
        {t: tuple(e for e in edges if e.target == t) for t in order},
        {t: tuple(e for e in edges if e.source == t) for t in order},
    )


def test_only_tasks_that_certainly_run_count_for_the_low_figures() -> None:
    maybe = graph(
        Edge("a", "b"),
        Edge("a", "c", Maybe()),
        Edge("c", "d"),
        Edge("b", "e"),
        Edge("c", "e"),
        Edge("a", "c", None, EdgeKind.READ),
    )
    certain = certain_tasks(maybe)
    assert certain == {"a", "b", "e"}
    tasks = [TaskForecast(name, 100, 200, Decimal(1), Decimal(2)) for name in "abcde"]
    run = forecast_run(tasks, certain, SpendingLimits())
    assert (run.tokens_low, run.tokens_high, run.cost_low, run.cost_high) == (300, 1000, Decimal(3), Decimal(10))


def test_one_unbounded_task_makes_the_run_unbounded() -> None:
    run = forecast_run([TaskForecast("a"), TaskForecast("b", 1, None, reason="why")], {"a", "b"}, SpendingLimits())
    assert (run.tokens_high, run.reasons) == (None, ("b: why",))


@pytest.mark.parametrize(
    ("bounds", "name", "code"),
    [
        (
            SpendingLimits(task_tokens=Bound(99, "NIKA_MAX_TOKENS_TASK")),
            "Task 'a' takes at least 100 tokens",
            codes.TOKEN_BUDGET,
        ),
        (
            SpendingLimits(run_tokens=Bound(99, "NIKA_MAX_TOKENS_TOTAL")),
            "NIKA_MAX_TOKENS_TOTAL allows 99",
            codes.TOKEN_BUDGET,
        ),
        (SpendingLimits(run_cost=Bound(Decimal("0.99"), "NIKA_MAX_COST")), r"\$1\.0000", codes.COST_BUDGET),
    ],
)
def test_a_run_whose_low_estimate_is_over_a_limit_is_refused(bounds: SpendingLimits, name: str, code: str) -> None:
    run = forecast_run([TaskForecast("a", 100, 100, Decimal(1), Decimal(1))], {"a"}, SpendingLimits())
    with pytest.raises(RefusedError, match=name) as caught:
        check_budget(run, bounds, {"a"})
    assert (caught.value.code, caught.value.exit_code) == (code, 3)


def test_a_list_takes_what_its_items_take() -> None:
    item = TaskForecast("a", 10, 20, Decimal(1), Decimal(2), exact=True)
    three = forecast_items(item, Repetitions(3, 3))
    assert (three.tokens_low, three.tokens_high, three.cost_low, three.cost_high) == (30, 60, Decimal(3), Decimal(6))
    assert (three.exact, three.times_low) == (True, 3)
    up_to = forecast_items(item, Repetitions(0, 50))
    assert (up_to.tokens_low, up_to.tokens_high, up_to.cost_low, up_to.cost_high) == (0, 1000, Decimal(0), Decimal(100))
    assert not up_to.exact


def test_a_list_that_nothing_bounds_is_unbounded_unless_its_items_take_nothing() -> None:
    endless = forecast_items(TaskForecast("a", 10, 20, Decimal(1), Decimal(2)), Repetitions(0, None))
    assert (endless.tokens_high, endless.cost_high, endless.reason) == (None, None, "nothing bounds its items")
    free = forecast_items(TaskForecast("a"), Repetitions(0, None))
    assert (free.tokens_high, free.cost_high, free.reason) == (0, Decimal(0), "")


def test_no_task_and_no_run_takes_more_than_the_run_s_limits() -> None:
    tasks = [TaskForecast(name, 0, 60, Decimal(0), Decimal(2), reason="why") for name in "ab"]
    bounds = SpendingLimits(run_tokens=Bound(50, "NIKA_MAX_TOKENS_TOTAL"), run_cost=Bound(Decimal(3), "NIKA_MAX_COST"))
    run = forecast_run(tasks, {"a", "b"}, bounds)
    assert [(task.tokens_high, task.cost_high) for task in run.tasks] == [(50, Decimal(2))] * 2
    assert (run.tokens_high, run.cost_high) == (50, Decimal(3))
    assert run.reasons[0] == "a: why; cut by NIKA_MAX_TOKENS_TOTAL"


def test_a_loop_takes_one_round_at_least_and_all_at_most() -> None:
    first = TaskForecast("a", 10, 20, Decimal(1), Decimal(2), exact=True)
    loop = forecast_rounds([first, TaskForecast("a", 15, 30, Decimal(2), Decimal(3), reason="why")])
    assert (loop.tokens_low, loop.tokens_high, loop.cost_low, loop.cost_high) == (10, 50, Decimal(1), Decimal(5))
    assert (loop.reason, loop.exact) == ("why", False)
    assert forecast_rounds([first, TaskForecast("a", 15, None, cost_high=None)]).tokens_high is None


def test_a_task_s_limit_is_compared_with_one_item() -> None:
    item = TaskForecast("a", 60, 60)
    run = forecast_run([forecast_items(item, Repetitions(3, 3))], {"a"}, SpendingLimits())
    check_budget(run, SpendingLimits(task_tokens=Bound(60, "t")), {"a"})
    with pytest.raises(RefusedError, match="Task 'a' takes at least 60 tokens"):
        check_budget(run, SpendingLimits(task_tokens=Bound(59, "t")), {"a"})


def test_a_run_at_its_limits_is_not_refused() -> None:
    run = forecast_run([TaskForecast("a", 100, 100, Decimal(1), Decimal(1))], {"a"}, SpendingLimits())
    check_budget(run, SpendingLimits(Bound(100, "t"), Bound(100, "r"), Bound(Decimal(1), "c")), {"a"})


def test_what_was_spent_before_a_resume_is_charged_once() -> None:
    def event(kind: EventKind, task: str | None, usage: Usage | None = None, **data: object) -> Event:
        return Event(1, "r", 0.0, kind, task, {**data, **({"usage": usage_json(usage)} if usage else {})})

    events = [
        event(EventKind.RUN_STARTED, None),
        event(EventKind.MODEL_CALLED, "done", Usage(10, 5, Decimal("0.1"))),
        event(EventKind.TASK_SUCCEEDED, "done", Usage(10, 15, Decimal("0.3"))),  # a failed call is in it, too
        event(EventKind.MODEL_CALLED, "killed", Usage(7, 0, Decimal("0.2"))),
        event(EventKind.RUN_STARTED, None),
        event(EventKind.TASK_REUSED, "done", Usage(10, 15, Decimal("0.3"))),
        event(EventKind.MODEL_CALLED, "killed", Usage(7, 0, Decimal("0.2")), reused=True),
        event(EventKind.MODEL_CALLED, "killed", Usage(1, 0)),
        event(EventKind.TASK_FAILED, "killed", Usage(3, 0)),
    ]
    found = usage_by_task(events)
    assert {task: usage.total_tokens for task, usage in found.items()} == {"done": 25, "killed": 10}
    budget = Budget(SpendingLimits(run_tokens=Bound(100, "r")))
    charge_earlier(budget, found)
    assert (budget.ledger.spent_tokens, budget.ledger.spent_usd) == (35, Decimal("0.5"))


def test_the_engine_knows_no_price_list_before_it_needs_one() -> None:
    source = Path(__file__).parents[3] / "nika_core" / "engine"
    importers = [path.name for path in source.rglob("*.py") if "import genai_prices" in path.read_text("utf-8")]
    assert importers == []
