"""Cleanup (`always`) and the values of `onError` and `onItemError`: what in them can be known to be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from nika_core import codes
from nika_core.document.checks.check_context import Context, place_of
from nika_core.errors import NikaError, Problem
from nika_core.model.asked_tools import entries_asked
from nika_core.model.bounded import shorten
from nika_core.model.json import JsonObject
from nika_core.model.payload_tree import list_parts, placeholders_in, templates_in
from nika_core.model.template import Placeholder
from nika_core.model.workflow import AgentBlock, ItemError, NodePath, OnError, PayloadValue, Task
from nika_core.template.json_check import value_problems


def check_cleanup(context: Context) -> Iterator[Problem]:
    """Check that cleanup needs no output, since it runs however the others ended, and that flows only order it."""
    cleanup = {task.id for task in context.workflow.tasks if task.always}
    for flow in context.workflow.flows:
        if flow.target in cleanup and flow.condition is not None:
            yield Problem(
                codes.BAD_CONDITION,
                f"a flow into '{flow.target}' cannot have a condition: the task is cleanup, and flows only order it",
                flow.at(("condition",)),
                "put the condition into its `when`",
            )
    for task in context.workflow.tasks:
        if task.always:
            yield from _check_needs(context, task)
            yield from _check_asked(context, task)
        if task.on_error is OnError.VALUE:
            yield from _check_value(task, task.stand_in, task.output_schema, ("onError",))
        if task.for_each is not None and task.for_each.on_item_error is ItemError.VALUE:
            yield from _check_value(task, task.for_each.value, task.item_schema, ("forEach", "onItemError"))


def _check_needs(context: Context, task: Task) -> Iterator[Problem]:
    for path, placeholder in _placeholders(task):
        needed = [each for each in context.depends_on(placeholder) if each in context.tasks and each != task.id]
        if not needed or placeholder.is_optional or context.asks_no_output(placeholder):
            continue
        text = shorten(placeholder.text, 80)
        inner = placeholder.text[2:-2].strip() if placeholder.text.startswith("{{") else placeholder.text[2:-1].strip()
        fixed = f"{{{{{inner} ?? null}}}}" if placeholder.text.startswith("{{") else f"${{{inner} ?? null}}"
        yield Problem(
            codes.VALUE_NOT_ALLOWED_HERE,
            f"{text}: '{task.id}' is cleanup and runs however '{needed[0]}' ends, so this may have no value",
            place_of(task.at, path, placeholder),
            f"write {fixed}, or ask how it ended: ${{state.{needed[0]}}}",
        )


def _check_asked(context: Context, task: Task) -> Iterator[Problem]:
    keyword = context.keyword(task.keyword)
    agent = context.workflow.agent or AgentBlock()
    asked = () if keyword is None else entries_asked(task, agent, keyword.category)
    if asked:
        yield Problem(
            codes.BAD_VALUE,
            f"'{task.id}' is cleanup and cannot wait for a person, and `askTools` asks about its calls of {asked[0]}",
            task.at(("always",)),
            "give it `allowedTools` without what is asked about",
        )


def _placeholders(task: Task) -> Iterator[tuple[NodePath, Placeholder]]:
    """Yield all placeholders of a task but those of its loop's condition, with their paths."""
    lists = {} if task.for_each is None else list_parts(task.for_each)
    yield from chain(placeholders_in(task.payload), placeholders_in(lists, ("forEach",)))
    yield from ((("when",), placeholder) for placeholder in (task.when.placeholders if task.when else ()))


def _check_value(task: Task, value: PayloadValue, schema: JsonObject | None, path: NodePath) -> Iterator[Problem]:
    """Check a value without templates that stands in for an output against the schema of that output."""
    if schema is None or templates_in(value):
        return
    try:
        problems = value_problems(value, schema)  # type: ignore[arg-type]  # there are no templates in it
    except NikaError:  # a schema that makes no sense is reported elsewhere
        return
    for problem in problems:
        hint = "change the value, or `output`"
        yield Problem(codes.BAD_VALUE, f"the value does not fit the task's `output`: {problem}", task.at(path), hint)
