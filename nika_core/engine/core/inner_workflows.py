"""Workflows inside workflows: what becomes of a node that stands for one, be it a task, an item or a round."""

from __future__ import annotations

from typing import Final

from nika_core import codes
from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.group_kind import GroupKind, NodeActions
from nika_core.engine.core.groups import ChildExpansion, EachExpansion, LoopExpansion
from nika_core.engine.core.hashing import digest
from nika_core.engine.core.messages import CancelTimer, Outcome, StartTimer
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.preparation import Preparation
from nika_core.engine.core.results import output_failure, scope_failure, scope_output, scope_usage, started_data
from nika_core.engine.core.reuse import ReuseAction, reruns
from nika_core.engine.core.run_plan import Child, EarlyEnd
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId, segments
from nika_core.model.state import Failure, Running, RunStatus, SkipReason

_WORKFLOW: Final = "workflow:"


class InnerWorkflows(GroupKind):
    """Opens workflows that nodes stand for, and ends them."""

    def __init__(self, state: RunState, actions: NodeActions, preparation: Preparation) -> None:
        super().__init__(state, actions)
        self._preparation = preparation

    def open(self, node: Node, spec: Child, epoch: int) -> None:
        """Begin the workflow that a task, an item or a round stands for."""
        try:
            payload, definition, given = self._preparation.given(node)
            if isinstance(node.parent, EachExpansion):
                node.parent.identify(node, definition, given)
            inputs = spec.inputs(payload)
            plan = spec.plan_for(inputs, node.scope.plan)
        except FAULTS as error:
            self._actions.fail(node, epoch, self._template(error, "what makes the inputs"))
            return
        failure = self._no_room_for(len(plan.tasks))
        if failure is not None:
            self._actions.fail(node, epoch, failure)
            return
        if spec.definition:  # an item's identity goes without: what is edited inside leaves the rest of it as it is
            definition = digest([definition, spec.definition])
        choice = self._preparation.choose(node, definition, given)
        if choice.action is ReuseAction.SKIP:
            self._actions.skip(node, SkipReason.DECISION)
            return
        started = started_data(node, epoch, definition, given, "")
        self._state.transition(
            node,
            Running(epoch),
            EventKind.TASK_STARTED,
            {**started, "group": "workflow", "tasks": len(plan.tasks)},
        )
        scope = WorkflowScope(plan, inputs, node)
        if isinstance(node.parent, LoopExpansion):
            scope.earlier = node.parent.messages
        node.expansion = ChildExpansion(node, scope)
        self._state.add_all(scope)
        seconds = _time_of(scope)
        if seconds is not None:
            self._state.out.append(StartTimer(f"{_WORKFLOW}{node.id}", seconds))
        self.mark_reruns(scope, self._state.plan.rerun_from)
        self._state.settle_sources(scope)
        if not scope.open:
            self.ended(scope)

    def mark_reruns(self, scope: WorkflowScope, rerun_from: str | None) -> None:
        """Mark the tasks that `--from` asks for, and those that depend on them."""
        if rerun_from is None:
            return
        path = segments(rerun_from)
        owner = scope.owner
        inside = () if owner is None else segments(owner.id)
        for task in reruns(scope.plan.graph, path, inside):
            scope.nodes[task].rerun = True

    def timer_fired(self, timer: str) -> bool:
        """Return whether the timer was that of a workflow, which then ends."""
        if not timer.startswith(_WORKFLOW):
            return False
        node = self._state.nodes.get(NodeId(timer.removeprefix(_WORKFLOW)))
        if node is not None and isinstance(node.expansion, ChildExpansion) and isinstance(node.state, Running):
            self._out_of_time(node, node.expansion.scope)
        return True

    def _out_of_time(self, node: Node, scope: WorkflowScope) -> None:
        if scope.early_end is not None:
            return
        message = f"`{node.task.keyword}` did not end within {_time_of(scope):g} s"
        hint = "raise the `timeout` of the task, or of its workflow"
        failure = Failure(codes.TIMEOUT, Category.TIMEOUT, message, hint)
        self._actions.stop(scope, EarlyEnd(RunStatus.FAILED, f"`{node.id}` took too long", failure))

    def ended(self, scope: WorkflowScope) -> None:
        """Go on after all tasks of a workflow that a node stands for have ended for good."""
        node = scope.owner
        assert node is not None
        if _time_of(scope) is not None:
            self._state.out.append(CancelTimer(f"{_WORKFLOW}{node.id}"))
        usage = scope_usage(scope)
        failure = self._scope_failure(node, scope)
        if failure is not None:
            self._end(node, Outcome(has_output=False, failure=failure, usage=usage))
            return
        try:
            output, has_output = scope_output(scope, self._state)
        except FAULTS as error:
            failure = output_failure(error, self._state.plan.max_error_bytes)
            self._end(node, Outcome(has_output=False, failure=failure, usage=usage))
            return
        messages = scope.conversation.all() if isinstance(node.parent, LoopExpansion) else ()
        self._end(node, Outcome(output=output if has_output else None, usage=usage, messages=messages))

    def _scope_failure(self, node: Node, scope: WorkflowScope) -> Failure | None:
        """Return why the task fails that stands for a workflow; None: it does not."""
        early_end = scope.early_end
        if early_end is None:
            return scope_failure(scope) if scope.failed else None
        if early_end.failure is not None:
            return early_end.failure
        if scope.failed and early_end not in (node.scope.early_end, self._state.early_end):
            return scope_failure(scope)  # what failed inside is why it ends, and nothing outside of it
        return Failure(codes.CANCELLED, Category.CANCELLED, early_end.reason)


def _time_of(scope: WorkflowScope) -> float | None:
    """Return the seconds that a workflow has, by its own word and by that of the task that stands for it."""
    assert scope.owner is not None
    bounds = [seconds for seconds in (scope.owner.task.timeout, scope.plan.max_seconds) if seconds is not None]
    return min(bounds, default=None)
