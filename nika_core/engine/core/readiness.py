"""Whether a task runs, once everything that it waits for has ended. The first rule that applies skips it:

1. `upstreamFailed`: the source of one of its flows, a task that its fields or its `when` need, or one that a flow's
   condition reads without `??` failed without `onError`, or was itself skipped as `upstreamFailed`. So everything that
   depends on a failure says so, however far below it stands.
2. A task that it needs has no output: `upstreamFailed` if that one failed under `onError: continue`, else
   `upstreamSkipped`.
3. It has flows and none is active: `condition` if the source of one succeeded, else `upstreamSkipped`.
4. `condition`: its `when` is false.

A flow whose condition needs a value of a task without output is inactive. What is wrong in a value that is there fails
the task. All conditions of flows are evaluated, not only up to the first true one: what is wrong in one does not depend
on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.nodes import Node
from nika_core.model.graph import Edge, EdgeKind
from nika_core.model.json import Json
from nika_core.model.state import Cancelled, Failed, Skipped, SkipReason, Success
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Condition


class NoOutputError(Exception):
    """A condition needs the output of a task that has none."""


class ConditionError(Exception):
    """A condition has no value. `error` says why; `edge` is the flow that it belongs to, None: it is a `when`."""

    def __init__(self, condition: Condition, edge: Edge | None, error: BaseException) -> None:
        super().__init__(str(error))
        self.condition = condition
        self.edge = edge
        self.error = error


def skip_reason(
    edges: Sequence[Edge],
    nodes: Mapping[str, Node],
    when: Condition | None,
    resolve: Callable[[Placeholder], Json],
) -> SkipReason | None:
    """Return why a task is skipped; None: it runs.

    Args:
        edges: those into the task.
        nodes: the tasks of its workflow.
        resolve: returns the value of a placeholder as the task may see it; raises NoOutputError.

    Raises:
        ConditionError: a condition cannot be evaluated.
    """
    flows = False
    for edge in edges:
        state = nodes[edge.source].state
        if edge.kind is EdgeKind.FLOW:
            flows = True
        if type(state) is Success or edge.kind is EdgeKind.OPTIONAL:
            continue
        if _fails_what_depends_on_it(nodes[edge.source]):
            return SkipReason.UPSTREAM_FAILED
    for edge in edges:
        if edge.kind is EdgeKind.NEED and type(nodes[edge.source].state) is not Success:
            skipped = isinstance(nodes[edge.source].state, Skipped)
            return SkipReason.UPSTREAM_SKIPPED if skipped else SkipReason.UPSTREAM_FAILED
    if flows and (reason := _no_flow_is_active(edges, nodes, resolve)) is not None:
        return reason
    if when is not None and not _holds(when, None, resolve):
        return SkipReason.CONDITION
    return None


def _fails_what_depends_on_it(node: Node) -> bool:
    state = node.state
    if isinstance(state, Failed | Cancelled):
        return not node.tolerated
    return isinstance(state, Skipped) and state.reason is SkipReason.UPSTREAM_FAILED


def _no_flow_is_active(
    edges: Sequence[Edge], nodes: Mapping[str, Node], resolve: Callable[[Placeholder], Json]
) -> SkipReason | None:
    active = succeeded = False
    for edge in edges:
        if edge.kind is not EdgeKind.FLOW or isinstance(nodes[edge.source].state, Skipped):
            continue
        succeeded = succeeded or type(nodes[edge.source].state) is Success
        if edge.condition is None or _holds(edge.condition, edge, resolve):
            active = True
    if active:
        return None
    return SkipReason.CONDITION if succeeded else SkipReason.UPSTREAM_SKIPPED


def _holds(condition: Condition, edge: Edge | None, resolve: Callable[[Placeholder], Json]) -> bool:
    try:
        return condition.evaluate(resolve)
    except NoOutputError as error:
        if edge is not None:
            return False  # such a flow is inactive
        raise ConditionError(condition, edge, error) from error
    except FAULTS as error:  # a template source is a plugin: whatever it raises is the task's failure
        raise ConditionError(condition, edge, error) from error
