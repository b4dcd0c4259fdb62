"""Whether a task runs, once everything that it waits for has ended.

In this order:

1. A source failed, or was itself skipped because of a failure further up: skipped, `upstreamFailed`. So everything
   that depends on a failure says so, however far below it is. (`onError: continue` makes a failure not count.)
   This holds for sources that only a condition reads, too.
2. A condition of an edge whose source succeeded cannot be evaluated: the task fails, category `template`.
3. There is no edge but those that only wait, or at least one is active: it runs.
4. A condition was false: skipped, `condition`.
5. Otherwise all sources were skipped: skipped, `upstreamSkipped`.

All conditions are evaluated, not only up to the first true one: what is wrong in one does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from nika_core.engine.core.failures import FAULTS
from nika_core.model.graph import Edge, EdgeMaker
from nika_core.model.json import Json
from nika_core.model.state import Failed, Skipped, SkipReason, Success, TaskState
from nika_core.model.template import Placeholder


class ConditionError(Exception):
    """A condition has no value. `error` says why."""

    def __init__(self, edge: Edge, error: BaseException) -> None:
        super().__init__(str(error))
        self.edge = edge
        self.error = error


def why_skipped(
    edges: Sequence[Edge],
    states: Mapping[str, TaskState],
    tolerated: Callable[[str], bool],
    resolve: Callable[[str, Placeholder], Json],
) -> SkipReason | None:
    """None: the task runs.

    Args:
        tolerated: whether a task's failure is one that its dependents do not care about (`onError: continue`).
        resolve: the value of a placeholder, as a task (an edge's target) may see it.

    Raises:
        ConditionError: see 2. above.
    """
    if len(edges) == 1 and edges[0].condition is None and type(states[edges[0].source]) is Success:
        return None  # what nearly every task of nearly every workflow is
    open_: list[Edge] = []
    only_waits = True
    for edge in edges:
        state = states[edge.source]
        kind = type(state)
        if kind is Success or (kind is Failed and tolerated(edge.source)):
            if edge.made_by is not EdgeMaker.CONDITION:
                open_.append(edge)
        elif kind is Failed or (isinstance(state, Skipped) and state.reason is SkipReason.UPSTREAM_FAILED):
            return SkipReason.UPSTREAM_FAILED
        if edge.made_by is not EdgeMaker.CONDITION:
            only_waits = False
    active = only_waits
    for edge in open_:
        if edge.condition is None or _holds(edge, resolve):
            active = True
    if active:
        return None
    return SkipReason.CONDITION if open_ else SkipReason.UPSTREAM_SKIPPED


def _holds(edge: Edge, resolve: Callable[[str, Placeholder], Json]) -> bool:
    assert edge.condition is not None
    try:
        return edge.condition.evaluate(partial(resolve, edge.target))
    except FAULTS as error:  # a template source is a plugin: whatever it raises is the task's failure
        raise ConditionError(edge, error) from error
