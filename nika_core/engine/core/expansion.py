"""What becomes of nodes that stand for several: which kind of group has to act."""

from __future__ import annotations

from nika_core.engine.core.group_kind import NodeActions
from nika_core.engine.core.groups import ChildExpansion, EachExpansion, Expansion, LoopExpansion
from nika_core.engine.core.inner_workflows import InnerWorkflows
from nika_core.engine.core.lists import Lists
from nika_core.engine.core.loops import Loops
from nika_core.engine.core.nodes import Node
from nika_core.engine.core.preparation import Preparation
from nika_core.engine.core.results import node_result
from nika_core.engine.core.run_plan import Each, EarlyEnd, Loop
from nika_core.engine.core.run_state import RunState
from nika_core.model.events import EventKind
from nika_core.model.state import Pending, Ready


class Expander:
    """Opens groups, makes their nodes when there is room, and ends them."""

    def __init__(self, state: RunState, actions: NodeActions, preparation: Preparation) -> None:
        self._state = state
        self._actions = actions
        self.workflows = InnerWorkflows(state, actions, preparation)
        self._lists = Lists(state, actions, self.workflows)
        self._loops = Loops(state, actions, self.workflows)

    def open(self, node: Node) -> None:
        """Begin a task that stands for several nodes, or for a workflow."""
        epoch = node.epoch
        if isinstance(node.state, Pending):
            self._state.transition(node, Ready(epoch), EventKind.TASK_READY)
        spec = node.scope.plan.groups[node.task.id]
        if isinstance(node.expansion, EachExpansion):
            self._lists.open_again(node, node.expansion, epoch)
        elif isinstance(spec, Each):
            self._lists.open(node, spec, epoch)
        elif isinstance(spec, Loop):
            self._loops.open(node, spec, epoch)
        else:
            self._state.forget_inside(node)
            node.expansion = None
            self.workflows.open(node, spec, epoch)

    def decides_per_item(self, node: Node) -> bool:
        """Return whether the task's `when` is decided for each item."""
        spec = node.scope.plan.groups.get(node.task.id)
        return isinstance(spec, Each) and spec.condition is not None

    def child_ended(self, expansion: Expansion, node: Node) -> None:
        """Go on after an item or a round has ended for good."""
        result = node_result(node, self._state)
        self._state.forget(node)
        if isinstance(expansion, LoopExpansion):
            self._loops.round_ended(expansion, node, result)
        elif isinstance(expansion, EachExpansion):
            self._lists.item_ended(expansion, node, result)

    def child_waits(self, node: Node) -> None:
        """Note that an item waits for something outside: meanwhile another one may start in its place."""
        if isinstance(node.parent, EachExpansion):
            self._lists.feed_or_end(node.parent)

    def timer_fired(self, timer: str) -> bool:
        """Return whether the timer was a loop's, whose next round then begins, or a workflow's, which then ends."""
        return self.workflows.timer_fired(timer) or self._loops.timer_fired(timer)

    def stop(self, node: Node, early_end: EarlyEnd) -> None:
        """Start nothing of a group any more, and cancel what runs of it."""
        expansion = node.expansion
        if isinstance(expansion, ChildExpansion):
            self._actions.stop(expansion.scope, early_end)
        elif isinstance(expansion, LoopExpansion):
            self._loops.stop(expansion, early_end)
        elif isinstance(expansion, EachExpansion):
            self._lists.stop(expansion, early_end)
