"""Conditions of flows that can never decide what their author means."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.document.checks.check_context import Context, place_of
from nika_core.errors import NikaError, Problem, Severity
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Flow


def check_flow_conditions(context: Context) -> Iterator[Problem]:
    """Check that a condition can be true, and warn of one that cannot stop its task."""
    always = _unconditional_sources(context.workflow.flows)
    for flow in context.workflow.flows:
        if flow.condition is None:
            continue
        for placeholder in flow.condition.placeholders:
            if _asks_how_it_ended(context, placeholder) and flow.source in context.depends_on(placeholder):
                yield Problem(
                    codes.BAD_CONDITION,
                    f"{placeholder.text}: the condition of a flow cannot ask how its own source '{flow.source}' ended",
                    place_of(flow.at, ("condition",), placeholder),
                    f"remove the flow and put the condition into `when` of '{flow.target}',"
                    f" which waits for '{flow.source}' because it names it",
                )
        others = [source for source in always.get(flow.target, ()) if source != flow.source]
        if others:
            yield Problem(
                codes.CONDITION_WITHOUT_EFFECT,
                f"this condition cannot stop '{flow.target}': the flow from '{others[0]}' has none,"
                " and one active flow is enough",
                flow.at(("condition",)),
                f"put it into `when` of '{flow.target}'",
                Severity.WARNING,
            )


def _unconditional_sources(flows: tuple[Flow, ...]) -> dict[str, list[str]]:
    sources: dict[str, list[str]] = {}
    for flow in flows:
        if flow.condition is None:
            sources.setdefault(flow.target, []).append(flow.source)
    return sources


def _asks_how_it_ended(context: Context, placeholder: Placeholder) -> bool:
    """Whether a placeholder has a value although its task has no output: a state or an error."""
    try:
        return context.catalog.template_source(placeholder.source).optional
    except NikaError:  # reported elsewhere
        return False
