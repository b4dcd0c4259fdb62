"""The life of a node in the core: whether it runs, how it starts, how it ends, and what follows for the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from nika_core import codes
from nika_core.engine.core.decisions import Decisions
from nika_core.engine.core.expansion import Expander
from nika_core.engine.core.failures import FAULTS, failure_from
from nika_core.engine.core.groups import EachExpansion
from nika_core.engine.core.hashing import messages_hash
from nika_core.engine.core.messages import CancelTask, Outcome, StartTask
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.preparation import Preparation
from nika_core.engine.core.readiness import ConditionError, skip_reason
from nika_core.engine.core.results import error_of, started_data, task_data
from nika_core.engine.core.reuse import ReuseAction, ReuseDecision
from nika_core.engine.core.run_plan import EarlyEnd
from nika_core.engine.core.run_state import RunState
from nika_core.engine.core.waiting import Waits
from nika_core.errors import Category
from nika_core.model.events import NO_DATA, EventKind
from nika_core.model.json import JsonObject
from nika_core.model.state import (
    Cancelled,
    Failed,
    Failure,
    Pending,
    Ready,
    Running,
    RunStatus,
    Skipped,
    SkipReason,
    Success,
    Waiting,
)
from nika_core.model.usage import NOTHING


class Lifecycle:
    """Takes nodes from waiting for others to their end. What stands for several nodes is left to the `Expander`."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._plan = state.plan
        self._preparation = Preparation(state)
        self.groups = Expander(state, self, self._preparation)
        self.decisions = Decisions(state, self)
        self.waits = Waits(state)

    # ---- from waiting to ready

    def settle(self, node: Node) -> None:
        """Decide whether a task runs whose sources have all ended."""
        if type(node.state) is not Pending:
            return
        scope = node.scope
        edges = scope.plan.graph.incoming[node.task.id]
        when = node.task.when
        if when is not None and self.groups.decides_per_item(node):
            when = None
        reason = None
        if edges or when is not None:
            try:
                reason = skip_reason(edges, scope.nodes, when, partial(self._state.resolve, node))
            except ConditionError as error:
                self._state.transition(node, Ready(), EventKind.TASK_READY)
                self.fail(node, 1, _condition_failure(error, self._plan.max_error_bytes))
                return
        if reason is not None:
            self.skip(node, reason)
        elif node.task.id in scope.plan.groups:
            self.groups.open(node)
        else:
            self._state.make_ready(node)

    def close(self, node: Node) -> None:
        """A node has ended for good: go on with what waited for it."""
        if node.parent is not None:
            self.groups.child_ended(node.parent, node)
            return
        scope = node.scope
        scope.open -= 1
        for edge in scope.plan.graph.outgoing[node.task.id]:
            target = scope.nodes[edge.target]
            target.waiting_for -= 1
            if not target.waiting_for:
                self._state.settling.append(target)
        if not scope.open and scope.owner is not None:
            self.groups.workflow_ended(scope)

    # ---- from ready to running

    def begin(self, node: Node, epoch: int) -> None:
        """Start a node that is ready, or take over how it ended in an earlier run."""
        state = self._state
        try:
            payload, definition, given = self._preparation.given(node)
        except FAULTS as error:  # sources and facets are plugins: whatever they raise is the task's failure
            self.fail(node, epoch, failure_from(error, "what makes the payload", self._plan.max_error_bytes))
            return
        if isinstance(node.parent, EachExpansion):
            node.parent.identify(node, definition, given)
        choice = self._preparation.choose(node, definition, given)
        epoch = max(choice.epoch, epoch)
        if choice.action is ReuseAction.REUSE:
            self._reuse_earlier(node, choice)
        elif choice.action is ReuseAction.SKIP:
            self.skip(node, choice.skip)
        else:
            data = started_data(node, epoch, definition, given, choice.reason)
            state.transition(node, Running(epoch), EventKind.TASK_STARTED, data)
            state.busy += 1
            state.highest_epoch = max(state.highest_epoch, epoch)
            state.running += node.takes_slot
            node.signals = self._preparation.signals(node, epoch)
            for answer in self._preparation.kept_answers(node, epoch):
                node.signals = {**node.signals, answer["key"]: answer["payload"]}
                state.emit(EventKind.SIGNAL_RECEIVED, node, {**answer, "kept": True})
            state.out.append(StartTask(self._preparation.call(node, epoch, payload)))

    def start_command(self, node: Node, epoch: int) -> StartTask:
        """Return the command that starts a node which had been started before."""
        return StartTask(self._preparation.call(node, epoch, self._preparation.payload(node)))

    def _reuse_earlier(self, node: Node, choice: ReuseDecision) -> None:
        earlier = self._plan.previous[node.identity]
        outcome = earlier.outcome
        node.reused = True
        data = {**task_data(outcome), "reason": choice.reason}
        if node.identity != node.id:
            data["identity"] = node.identity
        if earlier.state == "failed":
            data.pop("usage", None)  # it was counted when it failed
            node.outcome = outcome
            self._state.transition(node, Failed(), EventKind.TASK_FAILED, {**data, "reused": True})
            self.give_up(node)
            return
        if outcome.withheld:
            data["withheld"] = True  # whoever needs it in a later life must not take this for it
        self.succeed(node, outcome, EventKind.TASK_REUSED, data)

    # ---- from running to the end

    def succeed(
        self,
        node: Node,
        outcome: Outcome,
        kind: EventKind = EventKind.TASK_SUCCEEDED,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """A node has ended well: keep what later ones may see of it."""
        node.outcome = outcome
        if node.parent is None:
            scope, task = node.scope, node.task.id
            scope.outputs[task] = outcome.output
            if node.expansion is not None and (error := error_of(node)):
                scope.errors[task] = error  # only items of it failed
            if outcome.messages and task in scope.plan.context:
                scope.conversation.add(task, outcome.messages, messages_hash(outcome.messages))
        self._state.transition(node, Success(), kind, _data(node, outcome) if data is None else data)
        self.close(node)

    def fail(self, node: Node, epoch: int, failure: Failure, outcome: Outcome | None = None) -> None:
        """A node has failed: ask the main agent about it, or leave it failed."""
        if outcome is None:
            outcome = Outcome(has_output=False, failure=failure, attempts=0)
        node.outcome = outcome
        cancelled = failure.category is Category.CANCELLED
        ask = not cancelled and self.decisions.asks_about(node)
        state: Failed | Cancelled = Cancelled() if cancelled else Failed(can_retry=ask)
        self._state.transition(node, state, EventKind.TASK_FAILED, _data(node, outcome))
        if ask:
            self.decisions.ask(node, epoch)
        else:
            self.give_up(node)

    def give_up(self, node: Node) -> None:
        """A failed node stays failed."""
        if node.parent is None:
            node.scope.errors[node.task.id] = error_of(node)
        self.close(node)
        if self._plan.fail_fast and node.parent is None and not node.tolerated:
            early_end = EarlyEnd(RunStatus.FAILED, f"`{node.id}` failed")
            if node.scope.owner is None:
                self.end_early(early_end)
            elif node.scope.early_end is None and node.scope.open:
                self.stop(node.scope, early_end)

    def begin_again(self, node: Node, epoch: int) -> None:
        """Do a node again, under a new epoch."""
        node.signals = {}
        if node.task.id in node.scope.plan.groups:
            epoch = max(epoch, self._state.highest_epoch + 1)  # one that nothing inside it has had
            self._state.transition(node, Ready(epoch), EventKind.TASK_READY)
            self.groups.open(node)
        else:
            self._state.make_ready(node, epoch)

    def skip(self, node: Node, reason: SkipReason, figures: JsonObject = NO_DATA) -> None:
        """A node does not run, or not to its end."""
        data = {**figures, "keyword": node.task.keyword, "reason": reason.value}
        self._state.transition(node, Skipped(reason), EventKind.TASK_SKIPPED, data)
        self.close(node)

    def decline(self, node: Node, outcome: Outcome) -> None:
        """A person has said no: the node counts as skipped, and so does what needs it."""
        node.outcome = outcome
        self.skip(node, SkipReason.DECLINED, _data(node, outcome))

    # ---- stopped before it ends by itself

    def end_early(self, early_end: EarlyEnd) -> None:
        """Start nothing any more; cancel what runs. The first reason counts."""
        if self._state.early_end is not None:
            return
        self._state.early_end = early_end
        self._state.ready.clear()
        self.stop(self._state.root, early_end)

    def stop(self, scope: WorkflowScope, early_end: EarlyEnd) -> None:
        """Start nothing of a workflow any more; cancel what runs of it."""
        scope.early_end = early_end
        for node in tuple(scope.nodes.values()):
            self.stop_node(node, early_end)

    def stop_node(self, node: Node, early_end: EarlyEnd) -> None:
        """End one node: skip it if it has not started, else cancel it."""
        state = node.state
        if node.asking:
            self.decisions.forget(node)
            self.give_up(node)
        elif isinstance(state, Pending | Ready):
            self.skip(node, SkipReason.RUN_CANCELLED)
        elif isinstance(state, Running) and node.expansion is None:
            self._state.out.append(CancelTask(node.id, state.epoch, early_end.reason))
        elif isinstance(state, Running):
            self.groups.stop(node, early_end)
        elif isinstance(state, Waiting) and early_end.status is not RunStatus.PAUSED:
            self.waits.end(node)
            self.fail(node, state.epoch, *cancelled(early_end.reason))


def _data(node: Node, outcome: Outcome) -> JsonObject:
    """What a group has used is what its nodes have: told once, by them."""
    return task_data(outcome if node.expansion is None else outcome._replace(usage=NOTHING))


def cancelled(reason: str) -> tuple[Failure, Outcome]:
    """Return how something ends that had started and is stopped."""
    failure = Failure(codes.CANCELLED, Category.CANCELLED, reason)
    return failure, Outcome(has_output=False, failure=failure)


def _condition_failure(error: ConditionError, max_bytes: int | None) -> Failure:
    failure = failure_from(error.error, "a template source", max_bytes)
    text = error.condition.text
    where = f"the flow from `{error.edge.source}`" if error.edge is not None else "`when`"
    which = "" if text in failure.message else f"the condition `{text}` of "
    return Failure(failure.code, Category.TEMPLATE, f"{which}{where}: {failure.message}", failure.hint)
