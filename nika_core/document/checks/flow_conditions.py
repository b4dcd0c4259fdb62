"""Conditions of flows that can never decide what their author means."""

from __future__ import annotations

from collections.abc import Iterator

from nika_core import codes
from nika_core.document.checks.check_context import Context, place_of
from nika_core.errors import Problem, Severity
from nika_core.model.workflow import Flow


def check_flow_conditions(context: Context) -> Iterator[Problem]:
    """Check that a condition can be true, and warn of one that cannot stop its task."""
    always = _unconditional_sources(context.workflow.flows)
    for flow in context.workflow.flows:
        if flow.condition is None:
            continue
        for placeholder in (member for each in flow.condition.placeholders for member in each.members):
            if context.asks_no_output(placeholder) and flow.source in context.depends_on(placeholder):
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
