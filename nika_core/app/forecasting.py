"""What a run will consume, from what is known before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import compress
from typing import Any, Final

from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.llm.estimate import (
    Repetitions,
    RunForecast,
    TaskForecast,
    forecast_inner,
    forecast_items,
    forecast_rounds,
    forecast_run,
    forecast_task,
)
from nika_core.engine.local.groups import as_list
from nika_core.errors import NikaError, TaskError, TemplateValueError
from nika_core.model.effort import default_max_tokens
from nika_core.model.graph import Graph
from nika_core.model.limits import LimitKind
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import Template, TypedTemplate
from nika_core.model.workflow import ForEach, KeywordCategory, NodePath, Task
from nika_core.plugin import CallEstimate, Client, Estimate, Facets, ModelRequest
from nika_core.template import render
from nika_core.values import replace

_COUNTING_SECONDS: Final = 15.0  # that the providers' counters have, all together


def forecast(prepared: PreparedRun, counted: Mapping[str, int] | None = None) -> RunForecast:
    """Return tokens and cost of the whole run. Raise NikaError.

    Args:
        counted: tokens of the prompts of tasks, by the providers' own counters (see `count_prompts`).
    """
    estimates: dict[str, Estimate] = {}
    inside = {task: forecast(inner) for task, inner in prepared.inner.items()}
    with prepared.workspace.facet_timeout():
        for task in prepared.workflow.tasks:
            estimates[task.id] = _estimate(prepared, task)
    for name, tokens in (counted or {}).items():
        estimates[name] = _counted(estimates[name], tokens)
    estimates = {name: _with_chain(estimate, prepared) for name, estimate in estimates.items()}
    calls = [call for estimate in estimates.values() for call in estimate.calls]
    models = {name: prepared.model_info(name) for name in dict.fromkeys(call.model for call in calls)}
    chained = dict.fromkeys(name for call in calls for name in call.fallback or ())
    fallbacks = {name: prepared.model_info(name, fallback=True) for name in chained}
    for _, info in (*models.values(), *fallbacks.values()):
        if not info.free and info.price is None and info.name not in prepared.workspace.prices:
            prepared.prices.load()
    said = {
        task.id: _times(_said(estimates[task.id]), _max_rounds(task))
        for task in prepared.workflow.tasks
        if _talks(prepared, task)
    }
    heard = _heard(prepared.graph, said)
    tasks = []
    for task in prepared.workflow.tasks:

        def once(earlier: int | None, task: Task = task) -> TaskForecast:
            if task.id in inside:
                return forecast_inner(task.id, inside[task.id], prepared.inner[task.id].agent.max_budget_usd)
            estimate = _with_history(estimates[task.id], earlier)
            return forecast_task(task.id, estimate, models, prepared.prices, prepared.bounds, fallbacks)

        earlier = heard[task.id] if task.id in said else 0
        tasks.append(_forecast(prepared, task, once, earlier, estimates[task.id]))
    return forecast_run(tasks, prepared.certain, prepared.bounds)


def _forecast(
    prepared: PreparedRun,
    task: Task,
    once: Callable[[int | None], TaskForecast],
    earlier: int | None,
    estimate: Estimate,
) -> TaskForecast:
    """Return what a task takes, with all its items or rounds.

    Args:
        once: returns what one of them takes, after so many tokens that were said before it.
        earlier: tokens that its ancestors say in its conversation at most; None: without bound.
        estimate: what it says itself, once.
    """
    if (items := items_of(prepared, task)) is not None:
        return forecast_items(once(earlier), items)
    if task.repeat is None:
        return once(earlier)
    if not task.repeat.keeps_conversation(prepared.keywords[task.keyword].category):
        return forecast_rounds([once(earlier)] * task.repeat.max_rounds)
    said = _said(estimate)
    return forecast_rounds([once(_sum(earlier, _times(said, done))) for done in range(task.repeat.max_rounds)])


def _max_rounds(task: Task) -> int:
    return 1 if task.repeat is None else task.repeat.max_rounds


def _estimate(prepared: PreparedRun, task: Task) -> Estimate:
    if prepared.options.mock or task.inner is not None:
        return Estimate()
    return prepared.asked(known_task(prepared, task), Facets.estimate)


def _with_chain(estimate: Estimate, prepared: PreparedRun) -> Estimate:
    """Return an estimate whose calls name all models that may answer them, and say whether prompts are cached."""
    if not estimate.calls:
        return estimate
    agent, calls = prepared.agent, []
    for call in estimate.calls:
        fallback = agent.fallback if call.model is None and call.fallback is None else call.fallback
        cache_prompt = agent.cache_prompt if call.cache_prompt is None else call.cache_prompt
        calls.append(replace(call, fallback=fallback, cache_prompt=cache_prompt))
    return replace(estimate, calls=tuple(calls))


def models_called(prepared: PreparedRun) -> Iterator[tuple[str, str]]:
    """Yield each model that the tasks of a workflow may call, with its provider, as far as is known before a run.

    The provider is "" if none offers the model, as may be in a mocked run. Raise NikaError.
    """
    for task in prepared.workflow.tasks:
        if task.inner is not None:
            continue
        estimate = _with_chain(prepared.asked(known_task(prepared, task), Facets.estimate), prepared)
        for call in estimate.calls:
            for model, fallback in ((call.model, False), *((name, True) for name in call.fallback or ())):
                try:
                    provider, info = prepared.model_info(model, fallback=fallback)
                except NikaError:
                    if not prepared.options.mock:
                        raise
                    yield model or prepared.agent.model or "", ""
                else:
                    yield info.name, provider.name


def _talks(prepared: PreparedRun, task: Task) -> bool:
    return prepared.keywords[task.keyword].category is KeywordCategory.CONTEXT


def _said(estimate: Estimate) -> int | None:
    """Return the tokens that a task asks and is answered at most; None: without bound."""
    most: int | None = 0
    for call in estimate.calls:
        reply = default_max_tokens(None) if call.output_high is None else call.output_high
        most = _sum(most, _sum(call.input_high, reply))
    return most


def _heard(graph: Graph, said: Mapping[str, int | None]) -> dict[str, int | None]:
    """Return what the ancestors of each task have said, by what each of them says.

    In a conversation without branches it is what the task before had heard and said.
    """
    if not said:
        return {}
    names = list(said)
    bits = {name: 1 << index for index, name in enumerate(names)}
    ancestors = graph.ancestors_among(names)
    heard: dict[str, int | None] = dict.fromkeys(graph.order, 0)
    for task in (task for wave in graph.waves() for task in wave):
        mask = ancestors[task]
        sources = (edge.source for edge in graph.incoming[task])
        last = next((each for each in sources if ancestors[each] | bits.get(each, 0) == mask), None)
        if last is not None:
            heard[task] = _sum(heard[last], said.get(last, 0))
            continue
        for name in compress(names, map("1".__eq__, bin(mask)[:1:-1])):
            heard[task] = _sum(heard[task], said[name])
    return heard


def _with_history(estimate: Estimate, earlier: int | None) -> Estimate:
    """Add what a task of the main conversation is also sent: what its ancestors asked and were answered."""
    if earlier == 0:
        return estimate
    calls = (replace(call, input_high=_sum(call.input_high, earlier), exact=False) for call in estimate.calls)
    return replace(estimate, calls=tuple(calls))


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _times(one: int | None, times: int) -> int | None:
    return 0 if not times else None if one is None else one * times


def _counted(estimate: Estimate, tokens: int) -> Estimate:
    """Count the tokens of all calls: the first prompt is known, and those that follow it are longer."""
    if not estimate.calls:
        return estimate
    first, *others = estimate.calls
    once = first.calls_high == 1
    high = tokens if once or first.input_high is None else max(tokens, first.input_high)
    exact: CallEstimate = replace(first, input_low=tokens, input_high=high, exact=once)
    return replace(estimate, calls=(exact, *others))


# -- what is known already


def known_task(prepared: PreparedRun, task: Task) -> Task:
    """Return the task with every template rendered whose values are known before anything runs."""
    keyword = prepared.keywords[task.keyword]
    kept = keyword.rendered_fields | keyword.verbatim_fields
    payload = {name: value if name in kept else _filled(prepared, value) for name, value in task.payload.items()}
    return task if payload == task.payload else replace(task, payload=payload)


def rounds_of(task: Task) -> Repetitions | None:
    """Return how many rounds a task has; None if it is not a loop."""
    return None if task.repeat is None else Repetitions(1, task.repeat.max_rounds)


def items_of(prepared: PreparedRun, task: Task) -> Repetitions | None:
    """Return how many items a task has, exactly if its list is known before anything runs; None if it has no list."""
    if task.for_each is None:
        return None
    length, most = lengths_of(prepared, task)
    if length is None or (most is not None and length > most):  # too long a list fails before its first item
        return Repetitions(0, most)
    return Repetitions(0 if task.decides_per_item else length, length)


def lengths_of(prepared: PreparedRun, task: Task) -> tuple[int | None, int | None]:
    """Return how many items a list has and how many it may have; None: not known, and no bound."""
    if task.for_each is None:
        return None, None
    bounds = [task.for_each.max_items, prepared.limits.counts.get(LimitKind.ITEMS)]
    most = min((bound for bound in bounds if bound is not None), default=None)
    return _length(prepared, task.for_each), most


def _length(prepared: PreparedRun, for_each: ForEach) -> int | None:
    items: Any = for_each.items
    if isinstance(items, Template):
        value = None if items.single is None else prepared.value_of(items.single)
        items = None if value is None else value[0]
    if items is None:
        return None
    try:
        return len(as_list(items, prepared.limits.counts.get(LimitKind.JSON_DEPTH)))
    except TemplateValueError:  # the run reports it
        return None


def _filled(prepared: PreparedRun, value: Any) -> Any:
    if isinstance(value, str):
        return value

    def fill(leaf: Any, _: NodePath) -> Any:
        if not isinstance(leaf, Template):
            return leaf
        values = [prepared.value_of(placeholder) for placeholder in leaf.placeholders]
        if None in values:
            return leaf
        text = render(leaf, [value[0] for value in values if value is not None])
        if not isinstance(leaf, TypedTemplate):
            return text
        try:
            return leaf.convert(text)
        except TemplateValueError:  # the run reports it, with the name of the field
            return leaf

    return map_leaves(value, fill)


# -- the providers' own counters


async def count_prompts(prepared: PreparedRun) -> dict[str, int]:
    """Return the tokens of each prompt that is wholly known and whose provider has counted it.

    Sends the prompts to the providers: call it only if the user asks for it.
    """
    asked = {}
    before = prepared.graph.ancestors_among(task.id for task in prepared.workflow.tasks if _talks(prepared, task))
    for task in prepared.workflow.tasks:
        request = prepared.asked(known_task(prepared, task), Facets.first_request)
        if request is not None and not (_talks(prepared, task) and before[task.id]):
            asked[task.id] = request
    clients: dict[str, Client] = {}
    try:
        async with asyncio.timeout(_COUNTING_SECONDS):
            found = await asyncio.gather(*(_count(prepared, request, clients) for request in asked.values()))
    except TimeoutError:
        found = [None] * len(asked)
    finally:
        await asyncio.gather(*(client.close() for client in clients.values()), return_exceptions=True)
    return {task: tokens for task, tokens in zip(asked, found, strict=True) if tokens is not None}


async def _count(prepared: PreparedRun, request: ModelRequest, clients: dict[str, Client]) -> int | None:
    try:
        provider, info = prepared.model_info(request.model)
        client = clients.setdefault(provider.name, prepared.directory.connect(provider))
        estimate = await client.estimate(replace(request, model=info.name))
    except TaskError as error:
        if error.category.value == "config":  # the user should hear of a wrong key
            raise
        return None
    except NikaError:
        return None
    except Exception:  # a plan does without a counter that fails
        return None
    return estimate.input_tokens if estimate.exact else None
