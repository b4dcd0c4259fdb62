"""The core decides: what starts, what is skipped, what is done again, what the run waits for, how it ends.

Deterministic and without I/O: no clock, no randomness, no await. Events go in, commands come out, as a pure function
of their order; so the same code decides on one machine and inside another durable engine. Events that come twice, too
late or for nothing that is known change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from heapq import heappop
from typing import Any, Final

from nika_core import codes
from nika_core.engine.core import snapshots
from nika_core.engine.core.decisions import Decisions
from nika_core.engine.core.expansion import Expander
from nika_core.engine.core.failures import FAULTS, failure_from
from nika_core.engine.core.groups import EachExpansion, LoopExpansion
from nika_core.engine.core.hashing import messages_hash, payload_hash
from nika_core.engine.core.messages import (
    AgentDecision,
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Command,
    CoreEvent,
    Finish,
    Outcome,
    Signal,
    StartTask,
    StartTimer,
    TaskCall,
    TaskEnded,
    TaskWaits,
    TimerFired,
)
from nika_core.engine.core.nodes import Node, WorkflowScope
from nika_core.engine.core.readiness import ConditionError, skip_reason
from nika_core.engine.core.results import error_of, run_result, started_data, task_data
from nika_core.engine.core.reuse import FRESH, Reuse, ReuseAction, ReuseDecision
from nika_core.engine.core.run_plan import EarlyEnd, RunPlan
from nika_core.engine.core.run_state import RunState
from nika_core.engine.core.waiting import Waits
from nika_core.errors import Category
from nika_core.model.codec import usage_json
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId
from nika_core.model.json import JsonObject
from nika_core.model.message import Message
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
    TaskState,
    Waiting,
)
from nika_core.model.usage import NOTHING

RUN_TIMER: Final = "run"


class Core:
    """One run. `start` once, then `on` for every event, in the order in which they are recorded."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self._state = RunState(plan)
        self._reuse = Reuse(plan)
        self._waits = Waits(self._state)
        self._groups = Expander(self._state, self)
        self._decisions = Decisions(self._state, self)
        self._handlers: Mapping[type[Any], Callable[[Any], None]] = {
            TaskEnded: self._task_ended,
            TaskWaits: self._task_waits,
            Signal: self._signalled,
            AttemptFailed: self._attempt_failed,
            AttemptStarted: self._attempt_started,
            AgentDecision: self._decisions.decided,
            TimerFired: self._timer_fired,
            CancelRequested: self._cancel_requested,
        }

    # ---- what a host calls

    def start(self) -> list[Command]:
        """Begin the run."""
        state, plan = self._state, self.plan
        data: dict[str, Any] = {"workflow": plan.workflow.name, "tasks": len(plan.workflow.tasks)}
        if self._reuse.active:
            data["resumed"] = True
        state.emit(EventKind.RUN_STARTED, None, data)
        if plan.timeout is not None:
            state.out.append(StartTimer(RUN_TIMER, plan.timeout))
        self._groups.mark_reruns(state.root, plan.rerun_from)
        state.settle_sources(state.root)
        return self._said()

    def on(self, event: CoreEvent) -> list[Command]:
        """Return what follows from an event; nothing if the event means nothing (any more)."""
        if self._state.finished:
            return []
        self._handlers[type(event)](event)
        return self._said()

    def _said(self) -> list[Command]:
        self._proceed()
        out, self._state.out = self._state.out, []
        return out

    def outstanding(self) -> list[Command]:
        """Return what a host that takes over must do: start what runs, await what waits, ask what is asked."""
        commands: list[Command] = []
        for node in self._state.nodes.values():
            if isinstance(node.state, Running) and node.expansion is None:
                payload = node.scope.plan.render(node.task, partial(self._state.values, node))
                commands.append(StartTask(self._call(node, node.state.epoch, payload)))
            elif node.wait is not None:
                commands.append(self._waits.command(node, node.wait))
            elif node.asking:
                commands.append(self._decisions.question(node))
        return commands

    def snapshot(self) -> JsonObject:
        """Return everything that it has learned since its start, as JSON."""
        return snapshots.snapshot(self._state)

    @classmethod
    def restore(cls, plan: RunPlan, snapshot: JsonObject) -> Core:
        """Return a core that goes on exactly like the one that the snapshot was taken of, for the same plan."""
        core = cls(plan)
        snapshots.restore(core._state, snapshot)
        return core

    @property
    def states(self) -> Mapping[NodeId, TaskState]:
        """The states of all nodes that are there, for reading."""
        return {node.id: node.state for node in self._state.nodes.values()}

    # ---- from waiting to ready

    def _proceed(self) -> None:
        """Decide about what can be decided, start what there is room for; end the run when nothing is left."""
        state = self._state
        while True:
            while state.settling:
                self._settle(state.settling.popleft())
            if not state.has_room():
                break
            node = state.nodes.get(heappop(state.ready)[2])
            if node is not None and isinstance(node.state, Ready):
                self._begin(node, node.state.epoch)
        if state.finished:
            return
        if not state.root.open or (state.early_end is not None and not state.busy):
            self._finish()
        elif (early_end := self._waits.why_end()) is not None:
            self.end_early(early_end)
            if not state.busy:
                self._finish()

    def _settle(self, node: Node) -> None:
        """Decide whether a task runs whose sources have all ended."""
        if type(node.state) is not Pending:
            return
        scope = node.scope
        edges = scope.plan.graph.incoming[node.task.id]
        when = None if self._groups.decides_per_item(node) else node.task.when
        reason = None
        if edges or when is not None:
            try:
                reason = skip_reason(edges, scope.nodes, when, partial(self._state.resolve, node))
            except ConditionError as error:
                self._state.transition(node, Ready(), EventKind.TASK_READY)
                self.fail(node, 1, _condition_failure(error, self.plan.max_error_bytes))
                return
        if reason is not None:
            self.skip(node, reason)
        elif node.task.id in scope.plan.groups:
            self._groups.open(node)
        else:
            self._state.make_ready(node)

    def close(self, node: Node) -> None:
        """A node has ended for good: go on with what waited for it."""
        if node.parent is not None:
            self._groups.child_ended(node.parent, node)
            return
        scope = node.scope
        scope.open -= 1
        for edge in scope.plan.graph.outgoing[node.task.id]:
            target = scope.nodes[edge.target]
            target.waiting_for -= 1
            if not target.waiting_for:
                self._state.settling.append(target)
        if not scope.open and scope.owner is not None:
            self._groups.workflow_ended(scope)

    # ---- from ready to running

    def _begin(self, node: Node, epoch: int) -> None:
        state = self._state
        try:
            payload, definition, given = self.given(node)
        except FAULTS as error:  # sources and facets are plugins: whatever they raise is the task's failure
            self.fail(node, epoch, failure_from(error, "what makes the payload", self.plan.max_error_bytes))
            return
        if isinstance(node.parent, EachExpansion):
            node.parent.identify(node, definition, given)
        choice = self.choose(node, definition, given)
        epoch = max(choice.epoch, epoch)
        if choice.action is ReuseAction.REUSE:
            self._reuse_earlier(node, choice)
        elif choice.action is ReuseAction.SKIP:
            self.skip(node, SkipReason.DECISION)
        else:
            data = started_data(node, epoch, definition, given, choice.reason)
            state.transition(node, Running(epoch), EventKind.TASK_STARTED, data)
            state.busy += 1
            state.running += state.takes_slot(node)
            node.signals = {**self._reuse.signals(node.identity, epoch), **node.signals}
            state.out.append(StartTask(self._call(node, epoch, payload)))

    def given(self, node: Node) -> tuple[JsonObject, str, str]:
        """Return a node's payload, and the hashes of its definition and of what it is given. Raises anything."""
        plan = node.scope.plan
        payload = plan.render(node.task, partial(self._state.values, node))
        definition = plan.definition(node.task)
        heard = node.scope.conversation.hashes(node.task.id) if node.task.id in plan.context else ()
        if isinstance(node.parent, LoopExpansion) and node.parent.messages:
            heard = (*heard, messages_hash(node.parent.messages))
        return payload, definition, payload_hash(payload, node.task.payload, heard)

    def choose(self, node: Node, definition: str, given: str) -> ReuseDecision:
        """Decide whether the earlier run's outcome of a node is taken."""
        if not self._reuse.active or node.retries:
            return FRESH
        return self._reuse.choose(node, definition, given)

    def _reuse_earlier(self, node: Node, choice: ReuseDecision) -> None:
        outcome = self.plan.previous[node.identity].outcome
        node.reused = True
        data = {**task_data(outcome), "reason": choice.reason}
        if node.identity != node.id:
            data["identity"] = node.identity
        if outcome.withheld:
            data["withheld"] = True  # whoever needs it in a later life must not take this for it
        self.succeed(node, outcome, EventKind.TASK_REUSED, data)

    def _call(self, node: Node, epoch: int, payload: JsonObject) -> TaskCall:
        plan = node.scope.plan
        messages: tuple[Message, ...] = ()
        if node.task.id in plan.context:
            messages = node.scope.conversation.seen_by(node.task.id)
        if isinstance(node.parent, LoopExpansion):
            messages = (*messages, *node.parent.messages)
        task = node.task
        return TaskCall(
            node=node.id,
            keyword=task.keyword,
            epoch=epoch,
            key=f"{self.plan.run_id}/{node.identity}#{epoch}",
            payload=payload,
            run_id=self.plan.run_id,
            workflow=plan.name,
            folder=plan.folder,
            output=task.output,
            timeout=task.timeout,
            retry=task.retry,
            allowed_tools=task.allowed_tools,
            disallowed_tools=task.disallowed_tools,
            messages=messages,
            agent=plan.agent,
            sections=plan.sections,
            limits=self.plan.limits,
            signals=node.signals,
            deadlines=self._reuse.deadlines(node.identity, epoch),
        )

    # ---- from running to the end

    def _running(self, node_id: NodeId, epoch: int) -> Node | None:
        node = self._state.nodes.get(node_id)
        if node is None or node.expansion is not None or not isinstance(node.state, Running):
            return None
        return node if node.state.epoch == epoch else None

    def _stopped_running(self, node: Node) -> None:
        self._state.busy -= 1
        self._state.running -= self._state.takes_slot(node)

    def _task_ended(self, event: TaskEnded) -> None:
        node = self._running(event.node, event.epoch)
        if node is None:
            return
        self._stopped_running(node)
        if event.outcome.failure is None:
            self.succeed(node, event.outcome)
        else:
            self.fail(node, event.epoch, event.outcome.failure, event.outcome)

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
        ask = not cancelled and self._decisions.asks_about(node)
        state: Failed | Cancelled = Cancelled() if cancelled else Failed(can_retry=ask)
        self._state.transition(node, state, EventKind.TASK_FAILED, _data(node, outcome))
        if ask:
            self._decisions.ask(node, epoch)
        else:
            self.give_up(node)

    def give_up(self, node: Node) -> None:
        """A failed node stays failed."""
        if node.parent is None:
            node.scope.errors[node.task.id] = error_of(node)
        self.close(node)
        if self.plan.fail_fast and node.parent is None and not node.tolerated:
            early_end = EarlyEnd(RunStatus.FAILED, f"`{node.id}` failed")
            if node.scope.owner is None:
                self.end_early(early_end)
            elif node.scope.early_end is None and node.scope.open:
                self.stop(node.scope, early_end)

    def begin_again(self, node: Node, epoch: int) -> None:
        """Do a node again, under a new epoch."""
        node.signals = {}
        if node.task.id in node.scope.plan.groups:
            self._state.transition(node, Ready(epoch), EventKind.TASK_READY)
            self._groups.open(node)
        else:
            self._state.make_ready(node, epoch)

    def skip(self, node: Node, reason: SkipReason) -> None:
        """A node does not run."""
        data = {"keyword": node.task.keyword, "reason": reason.value}
        self._state.transition(node, Skipped(reason), EventKind.TASK_SKIPPED, data)
        self.close(node)

    # ---- waiting

    def _task_waits(self, event: TaskWaits) -> None:
        node = self._running(event.node, event.epoch)
        if node is None:
            return
        self._stopped_running(node)
        node.spend(event.usage)
        early_end = self._state.early_end
        if early_end is not None and early_end.status is not RunStatus.PAUSED:
            self.fail(node, event.epoch, *_cancelled(early_end.reason))
        else:
            self._waits.begin(node, event.epoch, event.wait)

    def _signalled(self, event: Signal) -> None:
        self._waits.signalled(event)

    # ---- attempts

    def _attempt_failed(self, event: AttemptFailed) -> None:
        node = self._running(event.node, event.epoch)
        if node is not None and node.state == Running(event.epoch, event.attempt):
            data = {"attempt": event.attempt, "delay": event.delay, "error": event.failure.as_json()}
            self._state.emit(EventKind.TASK_RETRYING, node, data)

    def _attempt_started(self, event: AttemptStarted) -> None:
        node = self._running(event.node, event.epoch)
        if node is not None and isinstance(node.state, Running) and node.state.attempt < event.attempt:
            data = {"epoch": event.epoch, "attempt": event.attempt}
            self._state.transition(node, Running(event.epoch, event.attempt), EventKind.TASK_STARTED, data)

    # ---- timers and cancellation

    def _timer_fired(self, event: TimerFired) -> None:
        if event.id == RUN_TIMER:
            if self.plan.timeout is not None:
                reason = f"the run took longer than {self.plan.timeout:g} s"
                self.end_early(EarlyEnd(RunStatus.FAILED, reason))
        elif not self._groups.timer_fired(event.id):
            expired = self._waits.timer_fired(event.id)
            if expired is not None:
                node, failure = expired
                self.fail(node, 1, failure, node.outcome._replace(failure=failure))

    def _cancel_requested(self, event: CancelRequested) -> None:
        self.end_early(self._waits.interrupted(event.reason))

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
            self._decisions.forget(node)
            self.give_up(node)
        elif isinstance(state, Pending | Ready):
            self.skip(node, SkipReason.RUN_CANCELLED)
        elif isinstance(state, Running) and node.expansion is None:
            self._state.out.append(CancelTask(node.id, state.epoch, early_end.reason))
        elif isinstance(state, Running):
            self._groups.stop(node, early_end)
        elif isinstance(state, Waiting) and early_end.status is not RunStatus.PAUSED:
            self._waits.end(node)
            self.fail(node, state.epoch, *_cancelled(early_end.reason))

    # ---- the end

    def _finish(self) -> None:
        state = self._state
        state.finished = True
        if self.plan.timeout is not None:
            state.out.append(CancelTimer(RUN_TIMER))
        self._waits.end_all()
        if state.early_end is not None:
            status, reason = state.early_end.status, state.early_end.reason
        else:
            status, reason = (RunStatus.FAILED if state.root.failed else RunStatus.SUCCEEDED), ""
        result = run_result(state, status)
        data: dict[str, Any] = {"status": result.status.value}
        if reason:
            data["reason"] = reason
        if result.usage != NOTHING:
            data["usage"] = usage_json(result.usage)
        state.emit(EventKind.RUN_FINISHED, None, data)
        state.out.append(Finish(result))


def _data(node: Node, outcome: Outcome) -> JsonObject:
    """What a group has used is what its nodes have: told once, by them."""
    return task_data(outcome if node.expansion is None else outcome._replace(usage=NOTHING))


def _cancelled(reason: str) -> tuple[Failure, Outcome]:
    failure = Failure(codes.CANCELLED, Category.CANCELLED, reason)
    return failure, Outcome(has_output=False, failure=failure)


def _condition_failure(error: ConditionError, max_bytes: int | None) -> Failure:
    failure = failure_from(error.error, "a template source", max_bytes)
    text = error.condition.text
    where = f"the flow from `{error.edge.source}`" if error.edge is not None else "`when`"
    which = "" if text in failure.message else f"the condition `{text}` of "
    return Failure(failure.code, Category.TEMPLATE, f"{which}{where}: {failure.message}", failure.hint)
