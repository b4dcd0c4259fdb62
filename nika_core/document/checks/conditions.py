"""The conditions of flows and of tasks: what can never be true, and what decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from nika_core import codes
from nika_core.document.checks.check_context import Context, place_of
from nika_core.errors import NikaError, Place, Problem, Severity
from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind
from nika_core.model.nearest import nearest
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Flow, NodePath, Workflow
from nika_core.plugin import TypedSource
from nika_core.template import CompiledCondition, describe_value, equal

_MAX_SHOWN = 8  # values in one hint


def check_conditions(context: Context) -> Iterator[Problem]:
    """Check that conditions are not nested too deeply, and compare with values that can occur."""
    limit = context.limits.limit(LimitKind.RECURSION)
    for condition, at in _conditions(context.workflow):
        if limit is not None and condition.depth > limit.value:
            yield Problem(
                codes.DEPTH_LIMIT,
                f"the condition is nested {condition.depth} levels deep; at most {limit.value:g} are allowed",
                at(()),
                f"make it flatter, or raise {limit.name}",
            )
        yield from _check_literals(context, condition, at)


def check_flow_conditions(context: Context) -> Iterator[Problem]:
    """Check that the conditions of flows can be true, and warn of those that cannot stop their target."""
    for flow in context.workflow.flows:
        if isinstance(flow.condition, CompiledCondition):
            yield from _check_own_source(context, flow, flow.condition)
    unconditional: dict[str, list[str]] = {}
    for flow in context.workflow.flows:
        if flow.condition is None and flow.source in context.tasks and flow.target in context.tasks:
            unconditional.setdefault(flow.target, []).append(flow.source)
    for flow in context.workflow.flows:
        others = unconditional.get(flow.target, ())
        other = next((source for source in others if source != flow.source), None)
        if flow.condition is not None and other is not None:
            yield Problem(
                codes.CONDITION_STOPS_NOTHING,
                f"this condition cannot stop `{flow.target}`, which also runs after `{other}`; put it into `when`",
                flow.at(("condition",)),
                f"write `when: {shorten(flow.condition.text, 80)}` on `{flow.target}`, if it must hold in any case",
                Severity.WARNING,
            )


def _check_own_source(context: Context, flow: Flow, condition: CompiledCondition) -> Iterator[Problem]:
    """Report a question for the state or the error of the flow's own source."""
    for placeholder in condition.placeholders:
        for member in placeholder.members:
            if context.asks_no_output(member) and flow.source in context.depends_on(member):
                yield Problem(
                    codes.BAD_CONDITION,
                    f"{shorten(member.text, 80)}: a flow out of `{flow.source}` is only active if it succeeded",
                    place_of(flow.at, ("condition",), member),
                    f"remove the flow, and write the condition as `when` of `{flow.target}`",
                )


def _check_literals(
    context: Context, condition: CompiledCondition, at: Callable[[NodePath], Place]
) -> Iterator[Problem]:
    """Report literals that are not among the values of what they are compared with."""
    for placeholder, literals in condition.comparisons():
        values = _values(context, placeholder)
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


def _values(context: Context, placeholder: Placeholder) -> list[Json] | None:
    """Return all values that a placeholder can have; None if they are not known."""
    values: list[Json] = [placeholder.default] if placeholder.has_default else []  # type: ignore[list-item]  # it has one
    for member in placeholder.members:
        try:
            source = context.catalog.source(member.source)
            schema = source.schema(member, context.scope) if isinstance(source, TypedSource) else None
        except NikaError:  # reported elsewhere
            return None
        allowed = None if schema is None else schema.get("enum", [schema["const"]] if "const" in schema else None)
        if not isinstance(allowed, list):
            return None
        values += allowed
    return values


def _conditions(workflow: Workflow) -> Iterator[tuple[CompiledCondition, Callable[[NodePath], Place]]]:
    """Yield every condition, with what returns the place of a part of it."""
    for task in workflow.tasks:
        if isinstance(task.when, CompiledCondition):
            yield task.when, partial(_below, task.at, "when")
    for flow in workflow.flows:
        if isinstance(flow.condition, CompiledCondition):
            yield flow.condition, partial(_below, flow.at, "condition")


def _below(at: Callable[[NodePath], Place], key: str, path: NodePath) -> Place:
    return at((key, *path))
