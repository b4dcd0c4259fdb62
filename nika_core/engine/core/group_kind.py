"""What lists, loops and workflows in workflows have in common: how one begins, what it may make, how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nika_core import codes
from nika_core.engine.core.failures import failure_from
from nika_core.engine.core.messages import Outcome
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.run_plan import EarlyEnd
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.events import EventKind
from nika_core.model.ids import segments
from nika_core.model.json import JsonObject
from nika_core.model.state import Failure, Running, SkipReason


class NodeActions(Protocol):
    """What becomes of a node."""

    def succeed(self, node: Node, outcome: Outcome) -> None: ...
    def fail(self, node: Node, epoch: int, failure: Failure, outcome: Outcome | None = None) -> None: ...
    def skip(self, node: Node, reason: SkipReason) -> None: ...
    def decline(self, node: Node, outcome: Outcome) -> None: ...
    def stop(self, scope: WorkflowScope, early_end: EarlyEnd) -> None: ...
    def stop_node(self, node: Node, early_end: EarlyEnd) -> None: ...


def started_group(node: Node, epoch: int, data: Mapping[str, Any]) -> JsonObject:
    """Return the data of the event that says that a group has started."""
    started = {"keyword": node.task.keyword, "epoch": epoch, "attempt": 1, **data}
    if node.identity != node.id:
        started["identity"] = node.identity
    if node.key is not None:
        started["key"] = node.key
    return started


class GroupKind:
    """One kind of group."""

    def __init__(self, state: RunState, actions: NodeActions) -> None:
        self._state = state
        self._actions = actions

    def _start(self, node: Node, epoch: int, data: Mapping[str, Any]) -> None:
        self._state.transition(node, Running(epoch), EventKind.TASK_STARTED, started_group(node, epoch, data))

    def _end(self, node: Node, outcome: Outcome) -> None:
        """End a group."""
        assert isinstance(node.state, Running)
        epoch = node.state.epoch
        if outcome.failure is None:
            self._actions.succeed(node, outcome)
        else:
            self._actions.fail(node, epoch, outcome.failure, outcome)

    def _no_room_for(self, count: int) -> Failure | None:
        most = self._state.plan.max_nodes
        if most is None or self._state.made + count <= most:
            return None
        message = f"with {count} more nodes the run would have more than {most} tasks, items and rounds"
        return Failure(codes.COUNT_LIMIT, Category.TEMPLATE, message, "raise NIKA_MAX_NODES")

    def _rerun_child(self, group: Node, index: int | None, number: int | None) -> bool:
        """Return whether `--from` asks for an item (by its index) or a round (by its number) to be done again."""
        wanted = self._state.plan.rerun_from
        if group.rerun:
            return True
        if wanted is None:
            return False
        path, here = segments(wanted), segments(group.id)
        if len(path) < len(here) or path[: len(here) - 1] != here[:-1]:
            return False
        task, wanted_index, wanted_round = path[len(here) - 1]
        if task != here[-1][0]:
            return False
        last = len(path) == len(here)
        if number is not None and wanted_round is not None:
            return number > wanted_round or (number == wanted_round and last)
        return last and index is not None and index == wanted_index

    def _template(self, error: BaseException, whose: str) -> Failure:
        failure = failure_from(error, whose, self._state.plan.max_error_bytes)
        return Failure(failure.code, Category.TEMPLATE, failure.message, failure.hint)
