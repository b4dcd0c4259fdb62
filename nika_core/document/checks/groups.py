"""Lists and loops: which tasks may have them, and what in them can be known to be wrong."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.errors import Problem, Severity
from nika_core.model.limits import LimitKind
from nika_core.model.template import Placeholder
from nika_core.model.workflow import ForEach, KeywordCategory, OutputSpec, Repeat, Retry, Task


def check_groups(context: Context) -> Iterator[Problem]:
    """Check `forEach` and `repeat` of each task."""
    for task in context.workflow.tasks:
        if task.for_each is not None:
            yield from _check_list(context, task, task.for_each)
        if task.repeat is not None:
            yield from _check_loop(context, task, task.repeat)
        keyword = context.keywords[task.keyword]
        if keyword is not None and keyword.category is KeywordCategory.GROUP:
            yield from _check_workflow(task)


def _check_list(context: Context, task: Task, for_each: ForEach) -> Iterator[Problem]:
    place = task.at(("forEach",))
    keyword = context.keyword(task.keyword)
    if task.repeat is not None:
        yield Problem(
            codes.BAD_VALUE,
            "a task cannot have both `forEach` and `repeat`",
            place,
            "let one task make the list, and repeat or go through it in another one",
        )
    if keyword is not None and keyword.category is KeywordCategory.CONTEXT:
        yield Problem(
            codes.BAD_VALUE,
            f"`{task.keyword}` cannot have `forEach`: its conversation is one",
            place,
            "use a keyword whose conversations are separate, e.g. `subagent`",
        )
    bound = context.limits.bounds.get(LimitKind.ITEMS)
    if bound is not None and for_each.max_items is not None and for_each.max_items > bound.value:
        yield Problem(
            codes.COUNT_LIMIT,
            f"`max` is {for_each.max_items}; at most {bound.value:g} items are allowed",
            task.at(("forEach", "max")),
            f"lower it, or raise {bound.name}",
        )
    bounds = [for_each.max_items, None if bound is None else bound.value]
    most = min((each for each in bounds if each is not None), default=None)
    if most is not None and isinstance(for_each.items, list) and len(for_each.items) > most:
        yield Problem(
            codes.COUNT_LIMIT,
            f"the list has {len(for_each.items)} items; at most {most:g} are allowed",
            place,
            "raise `max`" if bound is None else f"raise `max`, or {bound.name}",
        )


def _check_workflow(task: Task) -> Iterator[Problem]:
    """Check a task that stands for a workflow: attempts and outputs are those of the tasks inside it."""
    if task.retry != Retry():
        yield Problem(
            codes.BAD_VALUE,
            f"a `{task.keyword}` task has no `retry`: attempts are made by the tasks inside it",
            task.at(("retry",)),
            "put `retry` on the tasks of the workflow that may fail",
        )
    if task.output != OutputSpec():
        yield Problem(
            codes.BAD_VALUE,
            f"a `{task.keyword}` task has no `output`: its output is what the workflow's `outputs` say",
            task.at(("output",)),
            "put `output` on a task of the workflow, and name it in its `outputs`",
        )


def _check_loop(context: Context, task: Task, repeat: Repeat) -> Iterator[Problem]:
    bound = context.limits.bounds.get(LimitKind.ROUNDS)
    if bound is not None and repeat.max_rounds > bound.value:
        yield Problem(
            codes.COUNT_LIMIT,
            f"`max` is {repeat.max_rounds}; at most {bound.value:g} rounds are allowed",
            task.at(("repeat", "max")),
            f"lower it, or raise {bound.name}",
        )
    own = [placeholder for placeholder in repeat.until.placeholders if task.id in context.depends_on(placeholder)]
    keyword = context.keyword(task.keyword)
    if keyword is not None and keyword.needs_provider and task.output == OutputSpec() and not all(map(_measures, own)):
        yield Problem(
            codes.BAD_CONDITION,
            f"`until` compares what a model writes freely: nothing makes '{task.id}' answer in these words",
            task.at(("repeat", "until")),
            "ask for JSON: `output: {format: json, schema: ...}`, and compare a field of it",
            Severity.WARNING,
        )
    if not own:
        yield Problem(
            codes.BAD_CONDITION,
            f"`until` does not ask for the output of `{task.id}`, so no round can change it",
            task.at(("repeat", "until")),
            f'e.g. `until: "{{{{{task.id}.done}}}} == true"`',
        )


def _measures(placeholder: Placeholder) -> bool:
    """Return whether a placeholder yields the length of a text, and not its words."""
    return any(name == "length" for name, _ in placeholder.pipes)
