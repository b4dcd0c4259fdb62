"""Loops: what becomes of a task that is done until a condition holds."""

from __future__ import annotations

from functools import partial
from typing import Final

from nika_core import codes
from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.group_kind import GroupKind, NodeActions, started_group
from nika_core.engine.core.groups import LoopExpansion
from nika_core.engine.core.inner_workflows import InnerWorkflows
from nika_core.engine.core.messages import CancelTimer, Outcome, StartTimer
from nika_core.engine.core.nodes import Node
from nika_core.engine.core.readiness import NoOutputError
from nika_core.engine.core.reuse import is_taken_over, was_exhausted
from nika_core.engine.core.run_plan import EarlyEnd, Loop
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId
from nika_core.model.state import Failure, Ready, Skipped, SkipReason, TaskResult

ROUND_TIMER: Final = "round:"


class Loops(GroupKind):
    """Opens loops, makes their rounds one after the other, and ends them."""

    def __init__(self, state: RunState, actions: NodeActions, workflows: InnerWorkflows) -> None:
        super().__init__(state, actions)
        self._workflows = workflows

    def open(self, node: Node, spec: Loop, epoch: int) -> None:
        """Begin a loop."""
        self._start(node, epoch, {"group": "loop", "max": spec.max_rounds})
        expansion = node.expansion = LoopExpansion(node, spec)
        self._next_round(expansion)

    def round_ended(self, expansion: LoopExpansion, node: Node, result: TaskResult) -> None:
        """Go on after a round has ended for good."""
        expansion.record(node, result)
        spec, group = expansion.spec, expansion.node
        failure = node.outcome.failure
        if node.state == Skipped(SkipReason.DECLINED):
            self._actions.decline(group, Outcome(has_output=False, usage=expansion.usage))
            return
        early_end = self._state.early_end_of(group)
        if early_end is not None:
            self._end(group, expansion.failed(Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)))
            return
        if failure is not None and (spec.fail_on_round_error or failure.category is Category.CANCELLED):
            self._end(group, expansion.failed(failure))
            return
        if failure is None:
            try:
                resolve = partial(self._state.resolve, node, own=node.outcome)
                if spec.until.evaluate(resolve):
                    self._end(group, expansion.succeeded())
                    return
            except (NoOutputError, *FAULTS) as error:
                self._end(group, expansion.failed(self._template(error, "`until`")))
                return
        if expansion.number >= spec.max_rounds:
            if failure is None and self._may_begin_again(expansion, node):
                self._begin_again(expansion)
            else:
                self._end(group, expansion.exhausted())
        elif spec.every and not node.reused:
            timer = f"{ROUND_TIMER}{group.id}"
            self._state.timers.add(timer)
            self._state.out.append(StartTimer(timer, spec.every))
        else:
            self._next_round(expansion)

    def timer_fired(self, timer: str) -> bool:
        """Return whether the timer was that of a loop, whose next round then begins."""
        if not timer.startswith(ROUND_TIMER):
            return False
        if timer in self._state.timers:
            self._state.timers.discard(timer)
            node = self._state.nodes.get(NodeId(timer.removeprefix(ROUND_TIMER)))
            if node is not None and isinstance(node.expansion, LoopExpansion) and node.expansion.active is None:
                self._next_round(node.expansion)
        return True

    def stop(self, expansion: LoopExpansion, early_end: EarlyEnd) -> None:
        """Cancel the round that runs; begin none any more."""
        if expansion.active is not None:
            self._actions.stop_node(expansion.active, early_end)
            return
        timer = f"{ROUND_TIMER}{expansion.node.id}"
        self._state.timers.discard(timer)
        self._state.out.append(CancelTimer(timer))
        failure = Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)
        self._end(expansion.node, expansion.failed(failure))

    def _may_begin_again(self, expansion: LoopExpansion, last: Node) -> bool:
        """Return whether a loop that had failed as exhausted has found nothing to do but the same rounds."""
        if expansion.again or not expansion.spec.fail_if_exhausted or not is_taken_over(last):
            return False
        return was_exhausted(self._state.plan.previous.get(expansion.node.identity))

    def _begin_again(self, expansion: LoopExpansion) -> None:
        """Do all rounds anew. The event makes this hold in a later life of the run, too."""
        node = expansion.node
        rounds = f"{node.identity}@"
        self._state.seen = {each for each in self._state.seen if not each.startswith(rounds)}  # what they used counts
        node.expansion = LoopExpansion(node, expansion.spec, again=True)
        started = started_group(node, node.epoch, {"group": "loop", "max": expansion.spec.max_rounds, "again": True})
        self._state.emit(EventKind.TASK_STARTED, node, started)
        self._next_round(node.expansion)

    def _next_round(self, expansion: LoopExpansion) -> None:
        failure = self._no_room_for(1)
        if failure is not None:
            self._end(expansion.node, expansion.failed(failure))
            return
        node = expansion.make_next()
        node.rerun = expansion.again or self._rerun_child(expansion.node, None, expansion.number)
        self._state.add(node)
        if expansion.spec.body is not None:
            self._state.transition(node, Ready(node.first_epoch), EventKind.TASK_READY)
            self._workflows.open(node, expansion.spec.body, node.first_epoch)
        else:
            self._state.make_ready(node)
