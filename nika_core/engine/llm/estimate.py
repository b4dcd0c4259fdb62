"""What a workflow will consume, before it runs: tokens and cost, low and high, unbounded with the reason, or unpriced.

Low is what is spent when everything goes well and every reply is empty; high is the most that one attempt of every
task can take. A task's limit of tokens bounds it in any case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from nika_core import codes
from nika_core.engine.llm.ledger import MAX_BUDGET, Bound, SpendingLimits
from nika_core.engine.llm.pricing import Prices
from nika_core.errors import RefusedError
from nika_core.model.effort import default_max_tokens
from nika_core.model.graph import EdgeKind, Graph
from nika_core.model.usage import NOTHING, Usage, money_text
from nika_core.plugin import CallEstimate, Estimate, ModelInfo, Provider
from nika_core.values import dataclass, replace

Models = Mapping[str | None, tuple[Provider, ModelInfo]]  # by name; None: the agent block's model
_FREE: Final = Decimal(0)
_Amount = TypeVar("_Amount", int, Decimal)


@dataclass(frozen=True, slots=True)
class TaskForecast:
    """One task. `None` as a high value: unbounded, and `reason` says why. `unpriced`: models without a known price,
    whose cost is in neither figure. `exact`: the prompts are fully known and were counted. `times_low`: the items or
    rounds that are in the low figures, which a task's own limit bounds one by one. `is_group`: it stands for a
    workflow, whose tasks that limit bounds.
    """

    task: str
    tokens_low: int = 0
    tokens_high: int | None = 0
    cost_low: Decimal = _FREE
    cost_high: Decimal | None = _FREE
    reason: str = ""
    unpriced: tuple[str, ...] = ()
    exact: bool = False
    times_low: int = 1
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How many items or rounds a task has. `most`: None if nothing bounds them."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class RunForecast:
    """All tasks together. The low figures count only the tasks that certainly run."""

    tasks: tuple[TaskForecast, ...]
    tokens_low: int
    tokens_high: int | None
    cost_low: Decimal
    cost_high: Decimal | None
    reasons: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()


def forecast_task(
    task: str,
    estimate: Estimate,
    models: Models,
    prices: Prices,
    bounds: SpendingLimits,
    fallbacks: Mapping[str, tuple[Provider, ModelInfo]] | None = None,
) -> TaskForecast:
    """Return what a task takes: at least what its models take, at most what the dearest of each chain takes.

    Args:
        models: every model that the estimate names.
        fallbacks: every model that it names as a fallback.
    """
    low, cost_low = 0, Decimal(str(estimate.cost_low))
    high: int | None = 0
    cost_high = None if estimate.cost_high is None else Decimal(str(estimate.cost_high))
    reasons = [estimate.reason] if estimate.cost_high is None else []
    unpriced: dict[str, None] = {}
    priced: list[tuple[Provider, ModelInfo]] = []
    for call in estimate.calls:
        provider, info = models[call.model]
        chain = [(provider, info), *((fallbacks or {})[name] for name in call.fallback or ())]
        priced += chain
        low += call.input_low * call.calls_low
        sent = call.input_low * call.calls_low
        # What a cache holds already is the least that a prompt can cost; nothing says that it holds it.
        is_cached = _caches(call, info) or _caches_by_itself(call, info)
        cheapest = prices.cost(provider.name, info, Usage(sent, cached_tokens=sent if is_cached else 0))
        if cheapest is None:
            unpriced[info.name] = None
        else:
            cost_low += cheapest
        each = [(owner, model, _most(call, model)) for owner, model in chain]
        usages = [usage for _, _, usage in each if usage is not None]
        if len(usages) < len(each):
            reasons.append(call.reason or "nothing bounds its calls")
            high = cost_high = None
            continue
        high = None if high is None else high + max(usage.total_tokens for usage in usages)
        costs = {model.name: prices.cost(owner.name, model, usage or NOTHING) for owner, model, usage in each}
        unpriced |= dict.fromkeys(name for name, cost in costs.items() if cost is None)
        dearest = max((cost for cost in costs.values() if cost is not None), default=None)
        if dearest is not None and cost_high is not None:
            cost_high += dearest
    limit = bounds.task_tokens
    if limit is not None and priced and (high is None or high > limit.value):
        reasons.append(f"bounded by {limit.name} alone" if high is None else f"cut by {limit.name}")
        reasons += [call.reason for call in estimate.calls if call.reason and call.reason not in reasons]
        high = int(limit.value)
        at_most = _dearest(priced, int(limit.value), prices)
        if estimate.cost_high is not None and at_most is not None:
            whole = at_most + Decimal(str(estimate.cost_high))
            cost_high = whole if cost_high is None else min(cost_high, whole)
    exact = bool(estimate.calls) and all(call.exact for call in estimate.calls)
    return TaskForecast(task, low, high, cost_low, cost_high, "; ".join(reasons), tuple(unpriced), exact)


def forecast_items(item: TaskForecast, items: Repetitions) -> TaskForecast:
    """Return what a list takes, from what one of its items takes."""
    most = items.most
    tokens, cost = item.tokens_high, item.cost_high
    if most is not None:
        tokens = None if tokens is None else tokens * most
        cost = None if cost is None else cost * most
    else:  # only nothing is nothing however often it is done
        tokens, cost = tokens and None, cost and None
    costly = bool(item.tokens_high or item.cost_high)
    reasons = [item.reason, "nothing bounds its items" if most is None and costly else ""]
    return replace(
        item,
        tokens_low=item.tokens_low * items.least,
        tokens_high=tokens,
        cost_low=item.cost_low * items.least,
        cost_high=cost,
        reason="; ".join(filter(None, reasons)),
        exact=item.exact and items.least == most,
        times_low=items.least,
    )


def forecast_inner(task: str, run: RunForecast, max_budget_usd: float | None) -> TaskForecast:
    """Return what a task takes that stands for a workflow, which takes `run`, and at most its own budget."""
    cost, reasons = run.cost_high, list(run.reasons)
    most = None if max_budget_usd is None else Decimal(repr(max_budget_usd))
    if most is not None and (cost is None or cost > most):
        cost = most
        reasons.append(f"cut by {MAX_BUDGET}")
    low = run.cost_low if most is None else min(run.cost_low, most)
    return TaskForecast(
        task, run.tokens_low, run.tokens_high, low, cost, "; ".join(reasons), run.unpriced, is_group=True
    )


def forecast_rounds(rounds: Sequence[TaskForecast]) -> TaskForecast:
    """Return what a loop takes, from what each of its rounds takes: the first one runs, each other one may."""
    first = rounds[0]
    tokens = [each.tokens_high for each in rounds]
    costs = [each.cost_high for each in rounds]
    return replace(
        first,
        tokens_high=_total(tokens, 0),
        cost_high=_total(costs, _FREE),
        reason="; ".join(dict.fromkeys(each.reason for each in rounds if each.reason)),
        exact=first.exact and len(rounds) == 1,
    )


def _most(call: CallEstimate, info: ModelInfo) -> Usage | None:
    """Return the most that all calls together can take; None: unbounded."""
    if call.calls_high is None:
        return None
    reply = default_max_tokens(None) if call.output_high is None else call.output_high
    if info.max_output_tokens is not None:
        reply = min(reply, info.max_output_tokens)
    prompt = call.input_high
    if info.context_tokens is not None:
        prompt = info.context_tokens if prompt is None else min(prompt, info.context_tokens)
    if prompt is None:
        return None
    sent = prompt * call.calls_high
    return Usage(sent, reply * call.calls_high, cache_write_tokens=sent if _caches(call, info) else 0)


def _caches(call: CallEstimate, info: ModelInfo) -> bool:
    return info.prompt_cache and call.cache_prompt is not False


def _caches_by_itself(call: CallEstimate, info: ModelInfo) -> bool:
    """Return whether the provider may have cached the prompt without being asked: it may be long enough for that."""
    least = info.cached_from
    return least is not None and (call.input_high is None or call.input_high >= least)


def _dearest(models: Iterable[tuple[Provider, ModelInfo]], tokens: int, prices: Prices) -> Decimal | None:
    """Return what `tokens` cost where they cost most; None: no model has a price."""
    extremes = (Usage(tokens), Usage(0, tokens), Usage(tokens, cache_write_tokens=tokens))
    costs = [prices.cost(provider.name, info, usage) for provider, info in models for usage in extremes]
    known = [cost for cost in costs if cost is not None]
    return max(known) if known else None


def forecast_run(tasks: Iterable[TaskForecast], certain: Collection[str], bounds: SpendingLimits) -> RunForecast:
    """Return what a run takes: no more than its limits let it.

    Args:
        certain: the tasks that run whatever the conditions turn out to be (see `certain_tasks`).
    """
    each = tuple(_within_run(task, bounds) for task in tasks)
    sure = [task for task in each if task.task in certain]
    tokens = [task.tokens_high for task in each]
    costs = [task.cost_high for task in each]
    return RunForecast(
        each,
        sum(task.tokens_low for task in sure),
        _at_most(_total(tokens, 0), bounds.run_tokens),
        sum((task.cost_low for task in sure), _FREE),
        _at_most(_total(costs, _FREE), bounds.run_cost),
        tuple(f"{task.task}: {task.reason}" for task in each if task.reason),
        tuple(dict.fromkeys(model for task in each for model in task.unpriced)),
    )


def _within_run(task: TaskForecast, bounds: SpendingLimits) -> TaskForecast:
    tokens, cost = _at_most(task.tokens_high, bounds.run_tokens), _at_most(task.cost_high, bounds.run_cost)
    if tokens == task.tokens_high and cost == task.cost_high:
        return task
    cut = ((tokens, task.tokens_high, bounds.run_tokens), (cost, task.cost_high, bounds.run_cost))
    reasons = [f"cut by {bound.name}" for new, old, bound in cut if bound is not None and new != old]
    reason = "; ".join(filter(None, [task.reason, *reasons]))
    return replace(task, tokens_high=tokens, cost_high=cost, reason=reason)


def _at_most(amount: _Amount | None, bound: Bound | None) -> _Amount | None:
    """Return an amount, or the bound if that is less; what nothing else bounds stays so."""
    if amount is None or bound is None or amount <= bound.value:
        return amount
    return type(amount)(bound.value)


def _total(amounts: Iterable[_Amount | None], nothing: _Amount) -> _Amount | None:
    """Return the sum; None if one of them is not bounded."""
    total = nothing
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def certain_tasks(graph: Graph, conditional: Collection[str] = ()) -> frozenset[str]:
    """Return the tasks that run if nothing fails, whatever the conditions turn out to be.

    Args:
        conditional: tasks with a `when`.
    """
    certain: set[str] = set()
    for wave in graph.waves():
        for task in wave:
            flows = [edge for edge in graph.incoming[task] if edge.kind is EdgeKind.FLOW]
            active = not flows or any(edge.condition is None and edge.source in certain for edge in flows)
            needs = (edge.source for edge in graph.incoming[task] if edge.kind is EdgeKind.NEED)
            if active and task not in conditional and certain.issuperset(needs):
                certain.add(task)
    return frozenset(certain)


def check_budget(forecast: RunForecast, bounds: SpendingLimits, certain: Collection[str]) -> None:
    """Raise RefusedError (exit 3) when even the low estimate is over a limit: the run could not end well."""
    for task in forecast.tasks:
        if task.task in certain and task.times_low and not task.is_group:
            _compare(f"Task '{task.task}'", task.tokens_low // task.times_low, bounds.task_tokens, codes.TOKEN_BUDGET)
    _compare("This workflow", forecast.tokens_low, bounds.run_tokens, codes.TOKEN_BUDGET)
    _compare("This workflow", forecast.cost_low, bounds.run_cost, codes.COST_BUDGET)


def _compare(who: str, low: int | Decimal, bound: Bound | None, code: str) -> None:
    if bound is None or low <= bound.value:
        return
    shown = (
        (money_text(low, 4), money_text(bound.value, 4))
        if isinstance(low, Decimal)
        else (f"{low:,}", f"{bound.value:,}")
    )
    unit = "" if isinstance(low, Decimal) else " tokens"
    raise RefusedError(
        code,
        f"{who} takes at least {shown[0]}{unit}, and {bound.name} allows {shown[1]}. Nothing was started.",
        hint=f"Raise {bound.name}, or make the prompts shorter.",
    )
