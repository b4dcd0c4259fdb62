"""The core decides: what starts, what is skipped, what is done again, what the run waits for, how it ends.

Deterministic and without I/O: no clock, no randomness, no await. Events go in, commands come out, as a pure function
of their order; so the same code decides on one machine and inside another durable engine. Events that come twice, too
late or for nothing that is known change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop
from typing import Any, Final

from nika_core.engine.core import snapshots
from nika_core.engine.core.lifecycle import Lifecycle, cancelled
from nika_core.engine.core.messages import (
    AgentDecision,
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    CancelTimer,
    Command,
    CoreEvent,
    Finish,
    Signal,
    StartTimer,
    TaskEnded,
    TaskWaits,
    TimerFired,
)
from nika_core.engine.core.nodes import Node
from nika_core.engine.core.results import run_result
from nika_core.engine.core.run_plan import RunPlan
from nika_core.engine.core.run_state import NO_SLOT_FIRST, RunState
from nika_core.model.codec import usage_json
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId
from nika_core.model.json import JsonObject
from nika_core.model.state import (
    Ready,
    Running,
    RunStatus,
    TaskState,
)
from nika_core.model.usage import NOTHING

RUN_TIMER: Final = "run"


class Core:
    """One run. `start` once, then `on` for every event, in the order in which they are recorded."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self._state = RunState(plan)
        self._lives = Lifecycle(self._state)
        self._waits = self._lives.waits
        self._handlers: Mapping[type[Any], Callable[[Any], None]] = {
            TaskEnded: self._task_ended,
            TaskWaits: self._task_waits,
            Signal: self._waits.signalled,
            AttemptFailed: self._attempt_failed,
            AttemptStarted: self._attempt_started,
            AgentDecision: self._lives.decisions.decided,
            TimerFired: self._timer_fired,
            CancelRequested: self._cancel_requested,
        }

    # ---- what a host calls

    def start(self) -> list[Command]:
        """Begin the run."""
        state, plan = self._state, self.plan
        data: dict[str, Any] = {"workflow": plan.workflow.name, "tasks": len(plan.workflow.tasks)}
        if plan.previous:
            data["resumed"] = True
        state.emit(EventKind.RUN_STARTED, None, data)
        if plan.timeout is not None:
            state.out.append(StartTimer(RUN_TIMER, plan.timeout))
        self._lives.groups.workflows.mark_reruns(state.root, plan.rerun_from)
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
        """Return the commands for a host that continues this run: start what runs, await what waits, ask again."""
        commands: list[Command] = []
        for node in self._state.nodes.values():
            if isinstance(node.state, Running) and node.expansion is None:
                commands.append(self._lives.start_command(node, node.state.epoch))
            elif node.wait is not None:
                commands.append(self._waits.command(node, node.wait))
            elif node.asking:
                commands.append(self._lives.decisions.question(node))
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

    # ---- one step further

    def _proceed(self) -> None:
        """Decide what can be decided, start what there is room for, and end the run when nothing is left."""
        state = self._state
        while True:
            while state.settling:
                self._lives.settle(state.settling.popleft())
            if not self._has_room():
                break
            node = state.nodes.get(heappop(state.ready)[2])
            if node is not None and isinstance(node.state, Ready):
                self._lives.begin(node, node.state.epoch)
        if state.finished:
            return
        stopped = state.early_end is not None and not (state.busy or state.ready or state.timers)
        if not state.root.open or stopped:
            self._finish()
        elif (early_end := self._waits.why_end()) is not None:
            self._lives.end_early(early_end)
            if not state.busy:
                self._finish()

    @property
    def crowded(self) -> bool:
        """Whether something waits for nothing but a place among what runs at once."""
        state, limit = self._state, self.plan.max_concurrent
        return limit is not None and state.running >= limit and bool(state.ready or state.held)

    def _has_room(self) -> bool:
        """Return whether the first of those that are ready may start."""
        state, limit = self._state, self.plan.max_concurrent
        return bool(state.ready) and (limit is None or state.running < limit or state.ready[0][0] == NO_SLOT_FIRST)

    # ---- how calls end

    def _running(self, node_id: NodeId, epoch: int) -> Node | None:
        node = self._state.nodes.get(node_id)
        if node is None or node.expansion is not None or not isinstance(node.state, Running):
            return None
        return node if node.state.epoch == epoch else None

    def _stopped_running(self, node: Node) -> None:
        self._state.busy -= 1
        self._state.running -= node.takes_slot

    def _task_ended(self, event: TaskEnded) -> None:
        node = self._running(event.node, event.epoch)
        if node is None:
            return
        self._stopped_running(node)
        if event.outcome.declined:
            self._lives.decline(node, event.outcome)
        elif event.outcome.failure is None:
            self._lives.succeed(node, event.outcome)
        else:
            self._lives.fail(node, event.epoch, event.outcome.failure, event.outcome)

    def _task_waits(self, event: TaskWaits) -> None:
        node = self._running(event.node, event.epoch)
        if node is None:
            return
        self._stopped_running(node)
        node.spend(event.usage)
        early_end = self._state.early_end
        if early_end is not None and early_end.status is not RunStatus.PAUSED:  # cleanup cannot wait either
            self._lives.fail(node, event.epoch, *cancelled(early_end.reason))
        else:
            self._waits.begin(node, event.epoch, event.wait)
            self._lives.groups.child_waits(node)

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
                self._lives.end_early(self._waits.out_of_time(reason))
        elif not (self._lives.cleanup_timer_fired(event.id) or self._lives.groups.timer_fired(event.id)):
            expired = self._waits.timer_fired(event.id)
            if expired is not None:
                node, failure = expired
                self._lives.fail(node, 1, failure, node.outcome._replace(failure=failure))

    def _cancel_requested(self, event: CancelRequested) -> None:
        if self._state.interrupted:
            for scope in self._state.scopes():
                self._lives.end_cleanup(scope, event.reason)
        self._state.interrupted = True
        self._lives.end_early(self._waits.interrupted(event.reason))

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
