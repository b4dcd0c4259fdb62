"""The life of a node in the core: whether it runs, how it starts, how it ends, and what follows for the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from nika_core import codes
from nika_core.engine.core.decisions import Decisions
from nika_core.engine.core.expansion import Expander
from nika_core.engine.core.failures import FAULTS, failure_from
from nika_core.engine.core.groups import ChildExpansion, EachExpansion
from nika_core.engine.core.hashing import messages_hash
from nika_core.engine.core.messages import CancelTask, CancelTimer, Outcome, StartTask, StartTimer
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.ports import CachedResult
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
from nika_core.model.limits import LimitKind
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
from nika_core.model.workflow import OnError

CLEANUP_TIMER: Final = "cleanup:"


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
        if self._plan.only is not None and scope.owner is None:
            if node.task.id != self._plan.only:
                self._take_over(node)
                return
            node.rerun = True
        edges = scope.plan.graph.incoming[node.task.id]
        when = node.task.when
        if when is not None and self.groups.decides_per_item(node):
            when = None
        reason = None
        if (edges or when is not None) and not (node.rerun and self._plan.only == node.id):
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
        """Close a node that has ended for good, and go on with what waited for it."""
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
        if scope.open:
            return
        if scope.early_end is not None and any(each.always for each in scope.plan.tasks):
            self._state.out.append(CancelTimer(_cleanup_timer(scope)))
        if scope.owner is not None:
            self.groups.workflows.ended(scope)

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
        key = self._preparation.cache_key(node, definition, given)
        if key and choice.action is ReuseAction.RUN:
            choice = self._preparation.cached(node, key, choice)
        if choice.cached is not None:
            started = started_data(node, epoch, definition, given, choice.reason, key)
            self._take_cached(node, choice.cached, started)
        elif choice.action is ReuseAction.REUSE:
            self._reuse_earlier(node, choice)
        elif choice.action is ReuseAction.SKIP:
            self.skip(node, choice.skip)
        else:
            data = started_data(node, epoch, definition, given, choice.reason, key)
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
            if node.task.on_error is OnError.VALUE:  # made anew: `onError` may have changed
                stood_in = self._stand_in(node, outcome)
                if stood_in.failure is outcome.failure:
                    data["output"] = stood_in.output
                    self.succeed(node, stood_in, EventKind.TASK_REUSED, data)
                    return
            self._state.transition(node, Failed(), EventKind.TASK_FAILED, {**data, "reused": True})
            self.give_up(node)
            return
        if outcome.withheld:
            data["withheld"] = True  # whoever needs it in a later life must not take this for it
        self.succeed(node, outcome, EventKind.TASK_REUSED, data)

    def _take_over(self, node: Node) -> None:
        """Take how a task ended in an earlier run, since the run is of another task alone."""
        earlier = self._plan.taken.get(node.id)
        if earlier is None or not earlier.has_yielded or earlier.lost:
            self.skip(node, SkipReason.NOT_SELECTED)
            return
        node.reused = True
        outcome = earlier.outcome._replace(usage=NOTHING)
        data = {**task_data(outcome), "keyword": node.task.keyword, "reason": "taken from the last run (--only)"}
        if earlier.stood_in:
            node.outcome = outcome
            node.scope.errors[node.task.id] = error_of(node)
        self._state.transition(node, Ready(), EventKind.TASK_READY)
        self.succeed(node, outcome, EventKind.TASK_REUSED, data)

    def _take_cached(self, node: Node, cached: CachedResult, started: JsonObject) -> None:
        """Take what a task of another run has yielded. The event says what the task is, since it does not start."""
        node.reused = True
        data = {**started, **task_data(cached.outcome), "cachedFrom": {"run": cached.run_id, "at": cached.at}}
        del data["attempt"]
        self.succeed(node, cached.outcome, EventKind.TASK_REUSED, data)

    # ---- from running to the end

    def succeed(
        self,
        node: Node,
        outcome: Outcome,
        kind: EventKind = EventKind.TASK_SUCCEEDED,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """End a node well: keep what later ones may see of it."""
        node.outcome = outcome
        if node.parent is None:
            scope, task = node.scope, node.task.id
            scope.outputs[task] = outcome.output
            if outcome.failure is None and node.expansion is not None and (error := error_of(node)):
                scope.errors[task] = error  # only items of it failed
            if outcome.messages and task in scope.plan.context:
                scope.conversation.add(task, outcome.messages, messages_hash(outcome.messages))
        self._state.transition(node, Success(), kind, _data(node, outcome) if data is None else data)
        self.close(node)

    def fail(self, node: Node, epoch: int, failure: Failure, outcome: Outcome | None = None) -> None:
        """Fail a node: ask the main agent about it, or leave it failed."""
        if outcome is None:
            outcome = Outcome(has_output=False, failure=failure, attempts=0)
        node.outcome = outcome
        cancelled = failure.category is Category.CANCELLED
        if node.task.on_error is OnError.VALUE and node.parent is None and not cancelled:
            stood_in = self._stand_in(node, outcome)
            if stood_in.failure is failure:
                self.succeed(node, stood_in)
                return
            node.outcome = outcome = stood_in
        ask = not cancelled and self.decisions.asks_about(node)
        state: Failed | Cancelled = Cancelled() if cancelled else Failed(can_retry=ask)
        self._state.transition(node, state, EventKind.TASK_FAILED, _data(node, outcome))
        if ask:
            self.decisions.ask(node, epoch)
        else:
            self.give_up(node)

    def _stand_in(self, node: Node, outcome: Outcome) -> Outcome:
        """Return a failed task's outcome with the value that stands in for it; with another failure if it has none."""
        assert node.outcome.failure is not None
        node.scope.errors[node.task.id] = error_of(node)  # the value may tell what became of the others
        try:
            value = node.scope.plan.stand_in(node.task, self._state.values(node))
        except FAULTS as error:
            failure = failure_from(error, "what stands in for it", self._plan.max_error_bytes)
            before = node.outcome.failure.message
            message = f"`onError`: {failure.message}; it had failed: {before}"
            return outcome._replace(failure=Failure(failure.code, Category.TEMPLATE, message, failure.hint))
        return outcome._replace(output=value, has_output=True)

    def give_up(self, node: Node) -> None:
        """Leave a failed node failed."""
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
        """Skip a node that does not run, or not to its end."""
        data = {**figures, "keyword": node.task.keyword, "reason": reason.value}
        self._state.transition(node, Skipped(reason), EventKind.TASK_SKIPPED, data)
        self.close(node)

    def decline(self, node: Node, outcome: Outcome) -> None:
        """Decline a node to which a person has said no: it counts as skipped, and so does what needs it."""
        node.outcome = outcome
        self.skip(node, SkipReason.DECLINED, _data(node, outcome))

    # ---- stopped before it ends by itself

    def end_early(self, early_end: EarlyEnd) -> None:
        """Start nothing any more; cancel what runs. The first reason counts."""
        if self._state.early_end is not None:
            return
        self._state.early_end = early_end
        self.stop(self._state.root, early_end)
        for node in tuple(self.waits.waiting()):  # cleanup that waits for something outside
            self.stop_node(node, early_end)

    def stop(self, scope: WorkflowScope, early_end: EarlyEnd) -> None:
        """Start nothing of a workflow any more, but cleanup; cancel what runs of it. A pause runs no cleanup."""
        first = scope.early_end is None
        scope.early_end = early_end
        pauses = early_end.status is RunStatus.PAUSED
        for node in tuple(scope.nodes.values()):
            if pauses or scope.cleanup_over or not node.task.always:
                self.stop_node(node, early_end)
        bound = self._plan.limits.bounds.get(LimitKind.CLEANUP_SECONDS)
        if bound is not None and first and not pauses and scope.open_cleanup():
            self._state.out.append(StartTimer(_cleanup_timer(scope), bound.value))

    def end_cleanup(self, scope: WorkflowScope, reason: str) -> None:
        """Stop what is left of the cleanup of a workflow that was stopped."""
        scope.cleanup_over = True
        if scope.early_end is not None:
            early_end = EarlyEnd(scope.early_end.status, reason)
            for node in scope.open_cleanup():
                self.stop_node(node, early_end)

    def cleanup_timer_fired(self, timer: str) -> bool:
        """Return whether the timer was that of a workflow's cleanup, which is then stopped."""
        if not timer.startswith(CLEANUP_TIMER):
            return False
        bound = self._plan.limits.bounds.get(LimitKind.CLEANUP_SECONDS)
        reason = "" if bound is None else f"the cleanup took longer than {bound.value:g} s ({bound.name})"
        for scope in self._state.scopes():
            if _cleanup_timer(scope) == timer and scope.early_end is not None:
                self.end_cleanup(scope, reason)
        return True

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


def _cleanup_timer(scope: WorkflowScope) -> str:
    return f"{CLEANUP_TIMER}{'' if scope.owner is None else scope.owner.id}"


def _data(node: Node, outcome: Outcome) -> JsonObject:
    """Leave out what a group has used and what was said in a workflow: its nodes report it, once."""
    if node.expansion is not None:
        messages = () if isinstance(node.expansion, ChildExpansion) else outcome.messages
        outcome = outcome._replace(usage=NOTHING, messages=messages)
    return task_data(outcome)


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
