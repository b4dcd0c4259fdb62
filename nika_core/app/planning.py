"""`nika plan`: what a run would do, without running anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from nika_core.app.admission import refusals
from nika_core.app.forecasting import forecast, items_of, lengths_of, rounds_of
from nika_core.app.model_checks import with_model
from nika_core.app.planned_files import files_of
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.results import Plan, PlannedTask
from nika_core.document import reads, settings_of
from nika_core.engine.llm.estimate import RunForecast, TaskForecast
from nika_core.engine.local.groups import ITEM_PLACES
from nika_core.errors import NikaError
from nika_core.model.asked_tools import entries_asked
from nika_core.model.payload_tree import map_leaves, placeholders_in
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import Binding, NodePath, Task
from nika_core.plugin import Effect
from nika_core.template import to_text
from nika_core.values import replace


def make_plan(prepared: PreparedRun, counted: Mapping[str, int] | None = None) -> Plan:
    """Return what a run would do, from every keyword's facets; nothing is called or changed. Raise NikaError.

    Args:
        counted: tokens of prompts that were counted before (see `count_prompts`).
    """
    estimate = forecast(prepared, counted)
    planned = _tasks(prepared, estimate)
    # Counted prompts may be cheaper than a run, which does not count them, has to assume.
    reasons = refusals(prepared, None if counted else estimate)
    settings: dict[str, Any] = settings_of(prepared.workflow)
    if prepared.workflow.env:
        settings["env"] = prepared.masker.json(dict(prepared.workflow.env))
    return Plan(tuple(planned), estimate, settings, tuple(error.problem() for error in reasons), prepared.warnings)


def _tasks(prepared: PreparedRun, estimate: RunForecast) -> list[PlannedTask]:
    """Return the tasks of one workflow, with those of the workflows that they stand for."""
    forecasts = {each.task: each for each in estimate.tasks}
    tasks = {task.id: task for task in prepared.workflow.tasks}
    inside = {
        name: tuple(_named_below(name, task) for task in _tasks(inner, forecast(inner)))
        for name, inner in prepared.inner.items()
    }
    with prepared.workspace.facet_timeout():
        return [
            replace(_planned(prepared, tasks[name], number, forecasts[name]), tasks=inside.get(name, ()))
            for number, wave in enumerate(prepared.graph.waves(), start=1)
            for name in wave
        ]


def _named_below(outer: str, task: PlannedTask) -> PlannedTask:
    return replace(task, id=f"{outer}/{task.id}", tasks=tuple(_named_below(outer, inner) for inner in task.tasks))


def _planned(prepared: PreparedRun, task: Task, wave: int, estimate: TaskForecast) -> PlannedTask:
    facets, project = prepared.facets[task.keyword], prepared.workspace.project
    return PlannedTask(
        id=task.id,
        keyword=task.keyword,
        wave=wave,
        depends_on=tuple(dict.fromkeys(edge.source for edge in prepared.graph.incoming[task.id])),
        certain=task.id in prepared.certain,
        when=None if task.when is None else prepared.masker.text(task.when.text),
        payload=prepared.masker.json(
            with_model(
                _redacted(facets, _payload(prepared, task)),
                prepared.keywords[task.keyword],
                project,
                provider=prepared.options.provider,
            )
        ),
        effects=tuple(
            Effect(effect.kind, prepared.masker.text(effect.target))
            for effect in dict.fromkeys(
                (
                    *facets.effects(prepared.payload(task)),
                    *(Effect("path", path) for path in files_of(prepared, task)),
                    *(Effect("secret", name) for name in _secrets(prepared, task)),
                )
            )
        ),
        estimate=estimate,
        settings=settings_of(task),
        items=items_of(prepared, task),
        rounds=rounds_of(task),
        notes=tuple(_notes(prepared, task)),
        ask_tools=tuple(
            map(prepared.masker.text, entries_asked(task, prepared.agent, prepared.keywords[task.keyword].category))
        ),
    )


def _secrets(prepared: PreparedRun, task: Task) -> Iterator[str]:
    """Yield the names of the secrets that a task is given, as far as its payload says it."""
    registry = prepared.workspace.registry
    for _, placeholder in placeholders_in(task.payload):
        for member in placeholder.members:
            if registry.template_source(member.source).late:
                source: Any = registry.source(member.source)
                yield from source.secrets(member)


def _notes(prepared: PreparedRun, task: Task) -> Iterator[str]:
    length, most = lengths_of(prepared, task)
    if length is not None and most is not None and length > most:
        yield f"its list has {length} items, at most {most} are allowed: it fails before its first item"
    if task.always:
        yield "cleanup: it runs however the tasks before it end, even if the run is stopped"
    names = {
        f"${{{member.source}.{member.path[0]}}}"
        for _, placeholder in placeholders_in(task.payload)
        for member in placeholder.members
        if member.path[0] in ITEM_PLACES and reads(prepared.workspace.registry, member, Binding.ITEM)
    }
    if task.for_each is not None and names:
        shown = " and ".join(sorted(names))
        yield f"{shown} in its payload: a resumed run does those items again whose place in the list has changed"


def _redacted(facets: Any, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        redacted: Mapping[str, Any] = facets.redact(payload)
    except Exception:  # it expects a rendered payload, and this one has placeholders: show nothing rather than a secret
        return dict.fromkeys(payload, "***")
    return redacted


def _payload(prepared: PreparedRun, task: Task) -> dict[str, Any]:
    """Return the payload as the step will receive it; what is not known yet stays as its author wrote it."""
    keyword = prepared.keywords[task.keyword]
    facets = prepared.facets[task.keyword]
    found: dict[str, Any] = {}
    for name, value in task.payload.items():
        found[name] = (
            value.text if name in keyword.verbatim_fields and isinstance(value, Template) else _known(prepared, value)
        )
        if name in keyword.rendered_fields and isinstance(value, Template | str):
            placeholders = value.placeholders if isinstance(value, Template) else ()
            values = [prepared.value_of(placeholder) for placeholder in placeholders]
            found[name] = value if isinstance(value, str) else value.text
            if None not in values:
                with suppress(NikaError):  # the run will report it; here it stays as it was written
                    found[name] = facets.render(name, value, [each[0] for each in values if each is not None])
    return found


def _known(prepared: PreparedRun, value: Any) -> Any:
    """Return the payload with every placeholder replaced whose value is known before anything runs."""

    def fill(leaf: Any, _: NodePath) -> Any:
        if not isinstance(leaf, Template):
            return leaf
        if (single := leaf.single) is not None:
            known = prepared.value_of(single)
            return leaf.text if known is None else known[0]
        return "".join(_part(prepared, part) for part in leaf.parts)

    return map_leaves(value, fill)


def _part(prepared: PreparedRun, part: str | Placeholder) -> str:
    if isinstance(part, str):
        return part
    found = prepared.value_of(part)
    return part.text if found is None else to_text(found[0])
