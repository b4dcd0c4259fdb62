"""Templates in numbers, times and variables: their values are put in once inputs and environment are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from nika_core.document.checks.check_context import Context, is_known_before_run
from nika_core.document.checks.groups import check_groups
from nika_core.document.checks.payload_checks import check_payloads
from nika_core.document.checks.retry_limits import check_attempts
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.errors import NikaError, Place, PluginError, Problem, TemplateValueError
from nika_core.model.json import JsonObject
from nika_core.model.limits import Limits
from nika_core.model.payload_tree import map_leaves
from nika_core.model.template import Template, TypedTemplate
from nika_core.model.workflow import NodePath, Task, Workflow
from nika_core.plugin import Values
from nika_core.template import render, resolve
from nika_core.values import dataclass, field, replace

T = TypeVar("T")

# From a field's path in the document, without the number of its task, to the value that it becomes.
_ATTRIBUTES: Final[Mapping[NodePath, tuple[str, ...]]] = {
    ("tasks", "timeout"): ("timeout",),
    ("tasks", "idleTimeout"): ("idle_timeout",),
    ("tasks", "retry", "max"): ("retry", "max"),
    ("tasks", "retry", "backoff"): ("retry", "backoff"),
    ("tasks", "forEach", "max"): ("for_each", "max_items"),
    ("tasks", "forEach", "maxConcurrent"): ("for_each", "max_concurrent"),
    ("tasks", "repeat", "max"): ("repeat", "max_rounds"),
    ("tasks", "repeat", "every"): ("repeat", "every"),
    ("timeout",): ("timeout",),
    ("agent", "maxTurns"): ("agent", "max_turns"),
    ("agent", "maxTokens"): ("agent", "max_tokens"),
    ("agent", "temperature"): ("agent", "temperature"),
    ("agent", "effort"): ("agent", "effort"),
}


def fill_in(
    workflow: Workflow,
    catalog: PluginCatalog,
    values: Values,
    limits: Limits,
    settings: Mapping[str, JsonObject],
) -> tuple[Workflow, tuple[Problem, ...]]:
    """Return the workflow with the values of its deferred fields and typed templates, and what is wrong with them.

    What a value in its place breaks is checked again: the limits of lists, loops and attempts, and each keyword's own
    rules. To be called right before a run, whose inputs and environment `values` has.
    """
    filling = _Filling(catalog, values)
    filled = filling.of(workflow)
    if filled is workflow or filling.problems:
        return filled, tuple(sorted(filling.problems, key=lambda problem: _order(problem.place)))
    before = {task.index: task for task in workflow.tasks}
    changed = replace(filled, tasks=tuple(task for task in filled.tasks if task is not before[task.index]))
    return filled, tuple(_checked_again(Context(changed, catalog, limits, values.environ, settings)))


def settings_of(part: Workflow | Task) -> dict[str, Any]:
    """Return the numbers, times (in seconds) and efforts that a workflow or a task sets, by their names in it."""
    settings: dict[str, Any] = {}
    for path, attributes in _ATTRIBUTES.items():
        if (path[0] == "tasks") is not isinstance(part, Task):
            continue
        value: Any = part
        for name in attributes:
            value = None if value is None else getattr(value, name)
        if value is not None and (value or path[-1] != "every"):
            keys = [str(key) for key in path if key != "tasks"]
            inner = settings.setdefault(keys[0], {}) if len(keys) > 1 else settings
            inner[keys[-1]] = value
    return settings


def _order(place: Place | None) -> tuple[int, int]:
    return (0, 0) if place is None else (place.line or 0, place.column or 0)


def _checked_again(context: Context) -> Iterator[Problem]:
    for check in (check_groups, check_payloads, check_attempts):
        yield from check(context)


@dataclass(slots=True)
class _Filling:
    """Fills in the templates of one workflow, and keeps what is wrong with their values."""

    catalog: PluginCatalog
    values: Values
    problems: list[Problem] = field(default_factory=list)

    def of(self, workflow: Workflow) -> Workflow:
        tasks = [self._task(task) for task in workflow.tasks]
        filled, env = workflow, dict(workflow.env)
        for path, template in workflow.deferred.items():
            value = self._value(template, workflow.at(path))
            if value is None:
                continue
            match path:
                case ("env", str(name)):
                    env[name] = value
                case ("tasks", int(index), *rest):
                    tasks[index] = _with(tasks[index], _ATTRIBUTES["tasks", *rest], value)
                case _:
                    filled = _with(filled, _ATTRIBUTES[path], value)
        if env != workflow.env:
            filled = replace(filled, env=env)
        if any(one is not other for one, other in zip(tasks, workflow.tasks, strict=True)):
            filled = replace(filled, tasks=tuple(tasks))
        return filled

    def _task(self, task: Task) -> Task:
        """Return a task with the values of the typed templates in its payload that are known before a run."""

        def fill(leaf: Any, path: NodePath) -> Any:
            if type(leaf) is not TypedTemplate or not self._is_known(leaf):
                return leaf
            value = self._value(leaf, task.at(path))
            return leaf if value is None else value

        payload = {name: map_leaves(value, fill, (name,)) for name, value in task.payload.items()}
        same = all(value is task.payload[name] for name, value in payload.items())
        return task if same else replace(task, payload=payload)

    def _is_known(self, template: Template) -> bool:
        try:
            return all(is_known_before_run(self.catalog, placeholder) for placeholder in template.placeholders)
        except PluginError:  # reported when the document was checked
            return False

    def _value(self, template: Template, place: Place) -> Any:
        """Return a template's value; None if it has none that may stand there, which is a problem."""
        try:
            found = [resolve(each, self.values, self.catalog.source) for each in template.placeholders]
            value = found[0] if template.single and isinstance(template, TypedTemplate) else render(template, found)
            return template.convert(value) if isinstance(template, TypedTemplate) else value
        except TemplateValueError as error:
            why = error.message
            if template.text not in why:
                why = f"{why} (from {template.text})"
            self.problems.append(Problem(error.code, why, place, error.hint))
        except NikaError as error:
            self.problems.append(Problem(error.code, error.message, place, error.hint))
        return None


def _with(part: T, attributes: tuple[str, ...], value: Any) -> T:
    """Return a dataclass with another value of an attribute, or of one of a part of it."""
    name, *rest = attributes
    inner = _with(getattr(part, name), tuple(rest), value) if rest else value
    return replace(part, **{name: inner})  # type: ignore[type-var]  # all of them are dataclasses
