"""The conditions of flows and of tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from nika_core import codes
from nika_core.document.checks.check_context import Context
from nika_core.errors import Place, Problem
from nika_core.model.limits import LimitKind
from nika_core.model.workflow import Workflow
from nika_core.template import CompiledCondition


def check_conditions(context: Context) -> Iterator[Problem]:
    """Check that no condition is nested too deeply."""
    limit = context.limits.bounds.get(LimitKind.RECURSION)
    for condition, at in conditions_of(context.workflow):
        if limit is not None and condition.depth > limit.value:
            yield Problem(
                codes.DEPTH_LIMIT,
                f"the condition is nested {condition.depth} levels deep; at most {limit.value:g} are allowed",
                at(),
                f"make it flatter, or raise {limit.name}",
            )


def conditions_of(workflow: Workflow) -> Iterator[tuple[CompiledCondition, Callable[[], Place]]]:
    """Yield every condition, with what returns its place."""
    for task in workflow.tasks:
        if isinstance(task.when, CompiledCondition):
            yield task.when, partial(task.at, ("when",))
    for flow in workflow.flows:
        if isinstance(flow.condition, CompiledCondition):
            yield flow.condition, partial(flow.at, ("condition",))
