"""Resume: which finished nodes are reused, which are done again, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, TypeAlias

from nika_core import codes
from nika_core.engine.core.groups import ChildExpansion, LoopExpansion
from nika_core.engine.core.nodes import NO_SIGNALS, Node
from nika_core.engine.core.ports import CachedResult
from nika_core.engine.core.previous_tasks import PreviousTask
from nika_core.engine.core.run_plan import RunPlan
from nika_core.errors import Category
from nika_core.model.graph import Graph
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import Skipped, SkipReason
from nika_core.values import dataclass, replace

Path: TypeAlias = "tuple[tuple[str, int | None, int | None], ...]"
NO_DEADLINES: Final[Mapping[str, float]] = {}


class ReuseAction(Enum):
    """What becomes of a node that an earlier run knew."""

    REUSE = "reuse"
    SKIP = "skip"  # somebody decided so, and the decision holds
    RUN = "run"


@dataclass(frozen=True, slots=True)
class ReuseDecision:
    """`reason` is for the user; `epoch` is the one to run under; `changed`: what depends on it is done again, too.

    `skip` says why it is skipped, if it is. `cached`: the result of another run that is taken.
    """

    action: ReuseAction
    reason: str
    epoch: int = 1
    changed: bool = False
    skip: SkipReason = SkipReason.DECISION
    cached: CachedResult | None = None


FRESH = ReuseDecision(ReuseAction.RUN, "")
_NEW = ReuseDecision(ReuseAction.RUN, "it had not been started")
_LOOP_AGAIN: Final = "its loop begins again: `until` had not held"


class Reuse:
    """Decides by the hashes of definition and payload. `active`: there is something earlier to decide about."""

    def __init__(self, plan: RunPlan) -> None:
        self._previous = plan.previous
        self.active = bool(plan.previous)

    def signals(self, identity: str, epoch: int) -> Mapping[str, Json]:
        """Return the signals that a node had been given under this epoch: what is done again is asked again."""
        earlier = self._previous.get(identity)
        return NO_SIGNALS if earlier is None or earlier.epoch != epoch else earlier.signals

    def kept_answers(self, identity: str, epoch: int) -> Iterable[JsonObject]:
        """Return the signals whose keys stand for all that is asked, given under another epoch."""
        earlier = self._previous.get(identity)
        if earlier is None or earlier.epoch == epoch:
            return ()
        return (data for key, data in earlier.received.items() if key in earlier.content_keys)

    def deadlines(self, identity: str, epoch: int) -> Mapping[str, float]:
        """Return until when a node waits, by key: from when it first waited under this epoch, not from now."""
        earlier = self._previous.get(identity)
        return NO_DEADLINES if earlier is None or earlier.epoch != epoch else earlier.deadlines

    def choose(self, node: Node, definition: str, payload: str) -> ReuseDecision:
        """Decide about a node that could start now."""
        earlier = self._previous.get(node.identity)
        if earlier is None:
            return replace(_NEW, changed=True)
        following = earlier.epoch + 1
        if node.rerun:
            reason = _LOOP_AGAIN if _loop_begins_again(node) else "you asked for it with --from"
            return ReuseDecision(ReuseAction.RUN, reason, following)
        if earlier.superseded:
            return ReuseDecision(ReuseAction.RUN, _LOOP_AGAIN, following)
        if not earlier.epoch:
            return _NEW
        if earlier.definition != definition:
            return ReuseDecision(ReuseAction.RUN, "its definition has changed", following, changed=True)
        if earlier.payload != payload:
            return ReuseDecision(ReuseAction.RUN, "what it is given has changed", following, changed=True)
        if _depends_on_a_change(node):
            return ReuseDecision(ReuseAction.RUN, "a task that it depends on has changed", following, changed=True)
        if node.task.always and not all(map(is_taken_over, _awaited(node))):
            return ReuseDecision(ReuseAction.RUN, "what it cleans up after was done again", following)
        return _unchanged(earlier, needed=_is_needed(node))


def _is_needed(node: Node) -> bool:
    """Return whether anything reads the node's output: of an item or a round its list or its loop does."""
    plan = node.scope.plan
    return node.parent is not None or node.task.id in plan.graph.read or node.task.id in plan.context


def _awaited(node: Node) -> Iterable[Node]:
    """Return the tasks that a node waits for."""
    return (node.scope.nodes[edge.source] for edge in node.scope.plan.graph.incoming[node.task.id])


def is_taken_over(node: Node) -> bool:
    """Return whether nothing of a node was done in this life of the run."""
    expansion = node.expansion
    if expansion is None or isinstance(node.state, Skipped):
        return node.reused or isinstance(node.state, Skipped)
    if isinstance(expansion, ChildExpansion):
        return all(map(is_taken_over, expansion.scope.nodes.values()))
    return all(result.reused or result.state == "skipped" for result in expansion.children())


def was_exhausted(loop: PreviousTask | None) -> bool:
    """Return whether a loop had failed because its condition never held, and its run has not succeeded all the same."""
    if loop is None or loop.state != "failed" or loop.accepted:
        return False
    return loop.outcome.failure is not None and loop.outcome.failure.code == codes.NOT_REACHED


def _loop_begins_again(node: Node) -> bool:
    """Return whether a loop that it is inside of does its rounds anew."""
    current: Node | None = node
    while current is not None:
        if isinstance(current.parent, LoopExpansion) and current.parent.again:
            return True
        current = current.parent.node if current.parent is not None else current.scope.owner
    return False


def _depends_on_a_change(node: Node) -> bool:
    """Return whether a task that it waits for has changed. An item or a round is given all that it depends on."""
    return node.parent is None and any(source.changed for source in _awaited(node))


def _unchanged(earlier: PreviousTask, *, needed: bool) -> ReuseDecision:
    if earlier.state == "skipped" and earlier.declined:
        return ReuseDecision(ReuseAction.SKIP, "it had been declined", earlier.epoch, skip=SkipReason.DECLINED)
    if earlier.state == "skipped":
        return ReuseDecision(ReuseAction.SKIP, "the main agent had decided to skip it", earlier.epoch)
    if earlier.state == "success":
        if earlier.outcome.withheld and needed:
            reason = "its output held a secret, which history does not keep"
            return ReuseDecision(ReuseAction.RUN, reason, earlier.epoch + 1)
        if earlier.lost:
            return ReuseDecision(ReuseAction.RUN, "its output is lost: a file under .nika/blobs", earlier.epoch + 1)
        return ReuseDecision(ReuseAction.REUSE, "its definition and what it is given are unchanged", earlier.epoch)
    if earlier.state == "waiting":
        return ReuseDecision(ReuseAction.RUN, "it had been waiting", earlier.epoch)
    if earlier.state == "running":
        return ReuseDecision(ReuseAction.RUN, "it had been interrupted", earlier.epoch)
    if earlier.accepted:
        return ReuseDecision(ReuseAction.REUSE, "it had failed, and the run succeeded all the same", earlier.epoch)
    # The same answers would fail the same check again; after any other failure what was paid for still counts.
    category = earlier.outcome.failure.category if earlier.outcome.failure is not None else None
    epoch = earlier.epoch + 1 if category is Category.VALIDATION else earlier.epoch
    reason = "it had been cancelled" if category is Category.CANCELLED else "it had failed"
    return ReuseDecision(ReuseAction.RUN, reason, epoch)


def reruns(graph: Graph, path: Path, inside: Path) -> Iterable[str]:
    """Return the tasks of one workflow that `--from PATH` does again.

    Args:
        path: the node that `--from` names.
        inside: the node that stands for the workflow; empty: it is the run's own.
    """
    depth = len(inside)
    if len(path) <= depth or path[:depth] != inside:
        return ()
    task, index, number = path[depth]
    if task not in graph.outgoing:
        return ()
    dependents = dependents_of(graph, task)
    # What is named inside a group leaves the group's other items, rounds and tasks as they are.
    whole = len(path) == depth + 1 and index is None and number is None
    return dependents if whole else dependents - {task}


def dependents_of(graph: Graph, task: str) -> frozenset[str]:
    """Return `task` and everything that depends on it."""
    dependents = {task}
    todo = [task]
    while todo:
        for edge in graph.outgoing.get(todo.pop(), ()):
            if edge.target not in dependents:
                dependents.add(edge.target)
                todo.append(edge.target)
    return frozenset(dependents)
