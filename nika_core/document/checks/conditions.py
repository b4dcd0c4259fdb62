"""The conditions of flows and of tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.document.checks.item_schema import item_schema
from nika_core.errors import Place, Problem
from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind
from nika_core.model.nearest import nearest
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Binding, NodePath
from nika_core.plugin import Scope
from nika_core.template import CompiledCondition, describe_value, equal
from nika_core.values import replace

_MAX_SHOWN = 8  # values in one hint


def check_conditions(context: Context) -> Iterator[Problem]:
    """Check that conditions are not nested too deeply, and compare with values that can occur."""
    limit = context.limits.bounds.get(LimitKind.RECURSION)
    for condition, at, scope in _conditions(context):
        if limit is not None and condition.depth > limit.value:
            yield Problem(
                codes.DEPTH_LIMIT,
                f"the condition is nested {condition.depth} levels deep; at most {limit.value:g} are allowed",
                at(()),
                f"make it flatter, or raise {limit.name}",
            )
        yield from _check_literals(context, condition, at, scope)


def _check_literals(
    context: Context, condition: CompiledCondition, at: Callable[[NodePath], Place], scope: Scope
) -> Iterator[Problem]:
    """Report literals that are not among the values of what they are compared with."""
    for placeholder, literals in condition.comparisons():
        values = _values(context, placeholder, scope)
        for literal, offset in literals if values is not None else ():
            if values is not None and not any(equal(literal, value) for value in values):
                texts = [value for value in values if isinstance(value, str)]
                near = nearest(literal, texts) if isinstance(literal, str) else None
                shown = ", ".join(describe_value(value).removeprefix("the text ") for value in values[:_MAX_SHOWN])
                yield Problem(
                    codes.BAD_CONDITION,
                    f"{shorten(placeholder.text, 80)} is never {describe_value(literal)}",
                    at((offset,)),
                    f"did you mean '{near}'?" if near else f"it is one of: {shown}",
                )


def _values(context: Context, placeholder: Placeholder, scope: Scope) -> list[Json] | None:
    """Return all values that a placeholder can have; None if they are not known."""
    if placeholder.pipes:
        return None
    values: list[Json] = [placeholder.default] if placeholder.has_default else []  # type: ignore[list-item]  # it has one
    for member in placeholder.members:
        schema = context.known_schema(member, scope)
        allowed = None if schema is None else schema.get("enum", [schema["const"]] if "const" in schema else None)
        if not isinstance(allowed, list):
            return None
        values += allowed
    return values


def _conditions(context: Context) -> Iterator[tuple[CompiledCondition, Callable[[NodePath], Place], Scope]]:
    """Yield every condition, with what returns the place of a part of it, and what is known there."""
    for task in context.workflow.tasks:
        if isinstance(task.when, CompiledCondition):
            item = item_schema(context, task) if task.decides_per_item else None
            scope = context.scope if item is None else replace(context.scope, known={Binding.ITEM: item})
            yield task.when, partial(_below, task.at, ("when",)), scope
        if task.repeat is not None and isinstance(task.repeat.until, CompiledCondition):
            yield task.repeat.until, partial(_below, task.at, ("repeat", "until")), context.scope
    for flow in context.workflow.flows:
        if isinstance(flow.condition, CompiledCondition):
            yield flow.condition, partial(_below, flow.at, ("condition",)), context.scope


def _below(at: Callable[[NodePath], Place], field: NodePath, path: NodePath) -> Place:
    return at((*field, *path))
