"""The core decides: what starts, what is skipped, what is done again, how the run ends.

Deterministic and without I/O: no clock, no randomness, no await. Events go in, commands come out, as a pure function
of their order; so the same code decides on one machine and inside another durable engine. Events that come twice, too
late or for nothing that is known change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from heapq import heappop, heappush
from typing import Any, Final

from nika_core.engine.core.failures import FAULTS, failure_from
from nika_core.engine.core.hashing import payload_hash
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Command,
    CoreEvent,
    Finish,
    Outcome,
    StartTask,
    StartTimer,
    TaskCall,
    TaskEnded,
    TimerFired,
    quick,
)
from nika_core.engine.core.readiness import ConditionError, why_skipped
from nika_core.engine.core.results import run_result, started_data, task_data
from nika_core.engine.core.reuse import FRESH, Reuse, ReuseAction, ReuseDecision
from nika_core.engine.core.run_plan import EarlyEnd, RunPlan
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.codec import usage_json
from nika_core.model.events import EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind
from nika_core.model.state import (
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
)
from nika_core.model.template import Placeholder
from nika_core.model.usage import NOTHING
from nika_core.model.workflow import Mode, OnError

RUN_TIMER: Final = "run"
MAX_DECIDED_RETRIES: Final = 3  # how often the main agent may have one task done again
SUCCESS: Final = Success()
_FIRST: Final = Ready(1)
_RUNNING: Final = Running(1)
_READY, _STARTED, _SUCCEEDED = EventKind.TASK_READY, EventKind.TASK_STARTED, EventKind.TASK_SUCCEEDED  # looked up once


class Core:
    """One run. `start` once, then `on` for every event, in the order in which they are recorded."""

    def __init__(self, plan: RunPlan, run_state: RunState | None = None) -> None:
        self.plan = plan
        self._request = request = plan.request
        self._max_concurrent = request.limits.count(LimitKind.CONCURRENT)
        self._max_error = request.limits.count(LimitKind.ERROR_BYTES)
        self._default_mode = request.agent_block.mode
        self._run_state = run_state = run_state or RunState(plan)
        self._lifecycle = run_state.lifecycle
        self._states = run_state.lifecycle.states
        self._tasks = {task.id: task for task in request.workflow.tasks}
        self._index = {task: index for index, task in enumerate(request.graph.order)}
        self._reuse = Reuse(request.previous, request.graph, request.rerun_from, plan.context)

    # ---- what a host calls

    def start(self) -> list[Command]:
        """Begin the run."""
        data: dict[str, Any] = {"workflow": self._request.workflow.name, "tasks": len(self._tasks)}
        if self._reuse.active:
            data["resumed"] = True
        commands: list[Command] = [self._lifecycle.emit(EventKind.RUN_STARTED, None, data)]
        if self._request.timeout is not None:
            commands.append(StartTimer(RUN_TIMER, self._request.timeout))
        self._settle([task for task, count in self._run_state.waiting.items() if not count], commands)
        self._advance(commands)
        return commands

    def on(self, event: CoreEvent) -> list[Command]:
        """What follows from an event; nothing, when the event means nothing (any more)."""
        commands: list[Command] = []
        if self._run_state.finished:
            return commands
        kind = type(event)
        if kind is TaskEnded:
            self._task_ended(event, commands)  # type: ignore[arg-type]  # narrowed by its exact type, which is quicker
        elif isinstance(event, AttemptFailed):
            self._attempt_failed(event, commands)
        elif isinstance(event, AttemptStarted):
            self._attempt_started(event, commands)
        elif isinstance(event, AgentDecision):
            self._decided(event, commands)
        elif isinstance(event, TimerFired):
            if event.id == RUN_TIMER and self._request.timeout is not None:
                reason = f"the run took longer than {self._request.timeout:g} s"
                self._end_early(EarlyEnd(RunStatus.FAILED, reason), commands)
        elif isinstance(event, CancelRequested):
            status = RunStatus.PAUSED if event.paused else RunStatus.CANCELLED
            self._end_early(EarlyEnd(status, event.reason), commands)
        self._advance(commands)
        return commands

    def outstanding(self) -> list[Command]:
        """Return the commands for a host that continues this run: start what runs, ask what is asked."""
        commands: list[Command] = []
        for task, state in self._states.items():
            if isinstance(state, Running):
                payload = self.plan.render(self._tasks[task], partial(self._run_state.values, task))
                commands.append(StartTask(self._call(task, state.epoch, payload)))
            elif task in self._run_state.asking and isinstance(state, Failed):
                commands.append(self._question(task, self._run_state.asking[task]))
        return commands

    def snapshot(self) -> JsonObject:
        """Everything that it has learned since its start, as JSON."""
        return self._run_state.snapshot()

    @classmethod
    def restore(cls, plan: RunPlan, snapshot: JsonObject) -> Core:
        """A core that goes on exactly like the one that the snapshot was taken of. The plan must be the same."""
        return cls(plan, RunState.restore(plan, snapshot))

    @property
    def states(self) -> Mapping[str, TaskState]:
        """For reading."""
        return self._states

    # ---- from waiting to ready

    def _settle(self, tasks: list[str], commands: list[Command]) -> None:
        """Decide about tasks whose sources have all ended, and about those that this lets go on."""
        for task in tasks:  # which grows: what a task that does not run lets go on
            if type(self._states[task]) is not Pending:
                continue
            edges = self._request.graph.incoming[task]
            try:
                reason = why_skipped(edges, self._states, self._tolerated, self._resolve) if edges else None
            except ConditionError as error:
                self._make_ready(task, 1, commands, queue=False)
                failure = failure_from(error.error, "a template source", self._max_error)
                text = error.edge.condition.text if error.edge.condition else ""
                which = "" if text in failure.message else f"the condition `{text}` of "
                message = f"{which}the flow from `{error.edge.source}`: {failure.message}"
                self._fail(task, 1, Failure(failure.code, Category.TEMPLATE, message, failure.hint), commands)
                tasks.extend(self._released(task))
                continue
            if reason is None:
                self._make_ready(task, 1, commands)
            else:
                self._skip(task, reason, commands)
                tasks.extend(self._released(task))

    def _released(self, task: str) -> list[str]:
        """Tasks that waited for nothing but `task`. While the main agent is asked about it they wait on."""
        found: list[str] = []
        if task not in self._run_state.asking:
            waiting = self._run_state.waiting
            for edge in self._request.graph.outgoing[task]:
                target = edge.target
                waiting[target] = left = waiting[target] - 1
                if not left:
                    found.append(target)
        return found

    def _resolve(self, task: str, placeholder: Placeholder) -> Json:
        return self.plan.resolve(placeholder, self._run_state.values(task))

    def _tolerated(self, task: str) -> bool:
        return self._tasks[task].on_error is OnError.CONTINUE

    def _make_ready(self, task: str, epoch: int, commands: list[Command], *, queue: bool = True) -> None:
        commands.append(self._lifecycle.transition(task, _FIRST if epoch == 1 else Ready(epoch), _READY))
        if queue:
            place = self._index[task]
            heappush(self._run_state.ready, place - len(self._index) if task in self._request.no_slot else place)

    # ---- from ready to running

    def _advance(self, commands: list[Command]) -> None:
        """Start what there is room for; end the run when nothing is left."""
        run_state, limit = self._run_state, self._max_concurrent
        ready = run_state.ready
        while ready and (limit is None or run_state.running < limit or ready[0] < 0):
            self._begin(self._request.graph.order[heappop(ready)], commands)
        if not run_state.unfinished and not run_state.finished:
            self._finish(commands)

    def _begin(self, task: str, commands: list[Command]) -> None:
        plan, run_state = self.plan, self._run_state
        state = self._states[task]
        decided = state.epoch if type(state) is Ready else 1
        try:
            known = self._tasks[task]
            payload = plan.render(known, partial(run_state.values, task))
            definition = plan.definition(known)
            heard = run_state.conversation.hashes(task) if task in plan.context else ()
            given = payload_hash(payload, known.payload, heard)
        except FAULTS as error:  # sources and facets are plugins: whatever they raise is the task's failure
            failure = failure_from(error, "what makes the payload", self._max_error)
            self._fail(task, decided, failure, commands)
            self._settle(self._released(task), commands)
            return
        choice = FRESH
        if self._reuse.active and task not in run_state.retry_counts:
            choice = self._reuse.choose(task, definition, given)
        epoch = max(choice.epoch, decided)
        if choice is not FRESH and choice.verdict is ReuseAction.REUSE:
            self._reuse_task(task, choice, commands)
        elif choice is not FRESH and choice.verdict is ReuseAction.SKIP:
            self._skip(task, SkipReason.DECISION, commands)
            self._settle(self._released(task), commands)
        else:
            running = _RUNNING if epoch == 1 else Running(epoch)
            data = started_data(known, epoch, definition, given, choice.reason)
            commands.append(self._lifecycle.transition(task, running, _STARTED, data))
            run_state.running += task not in plan.request.no_slot
            commands.append(quick(StartTask, (self._call(task, epoch, payload),)))

    def _reuse_task(self, task: str, choice: ReuseDecision, commands: list[Command]) -> None:
        outcome = self._request.previous[task].outcome
        self._run_state.reused.add(task)
        self._run_state.keep(task, outcome)
        data = {**task_data(outcome), "reason": choice.reason}
        if outcome.withheld:
            data["withheld"] = True  # a task that needs it when the run is resumed must not take this for it
        commands.append(self._lifecycle.transition(task, SUCCESS, EventKind.TASK_REUSED, data))
        self._run_state.unfinished -= 1
        self._settle(self._released(task), commands)

    def _call(self, task: str, epoch: int, payload: JsonObject) -> TaskCall:
        messages = self._run_state.conversation.seen_by(task) if task in self.plan.context else ()
        return quick(TaskCall, (self._tasks[task], epoch, f"{self._request.run_id}/{task}#{epoch}", payload, messages))

    # ---- from running to the end

    def _task_ended(self, event: TaskEnded, commands: list[Command]) -> None:
        task, outcome = event.task, event.outcome
        state = self._states.get(task)
        if not isinstance(state, Running) or state.epoch != event.epoch:
            return
        run_state = self._run_state
        run_state.running -= task not in self._request.no_slot
        if outcome.failure is None:
            run_state.keep(task, outcome)
            data = task_data(outcome)
            commands.append(self._lifecycle.transition(task, SUCCESS, _SUCCEEDED, data))
            run_state.unfinished -= 1
        else:
            self._fail(task, event.epoch, outcome.failure, commands, outcome)
        released = self._released(task)
        if released:
            self._settle(released, commands)

    def _fail(
        self, task: str, epoch: int, failure: Failure, commands: list[Command], outcome: Outcome | None = None
    ) -> None:
        stop = self._run_state.early_end
        if outcome is None:
            outcome = Outcome(has_output=False, failure=failure, attempts=0)
        self._run_state.outcomes[task] = outcome
        cancelled = failure.category is Category.CANCELLED
        ask = stop is None and not cancelled and self._mode(task) is Mode.AGENTIC
        data = task_data(outcome)
        commands.append(self._lifecycle.transition(task, Failed(can_retry=ask), EventKind.TASK_FAILED, data))
        if ask:
            self._run_state.asking[task] = epoch
            commands.append(self._question(task, epoch))
        else:
            self._give_up(task, commands)

    def _give_up(self, task: str, commands: list[Command]) -> None:
        """A failed task stays failed."""
        self._run_state.unfinished -= 1
        outcome = self._run_state.outcomes[task]
        if self._tolerated(task):
            if outcome.has_output:
                self._run_state.outputs[task] = outcome.output
        elif self._request.fail_fast and self._run_state.early_end is None:
            self._end_early(EarlyEnd(RunStatus.FAILED, f"`{task}` failed"), commands)

    def _skip(self, task: str, reason: SkipReason, commands: list[Command]) -> None:
        data = {"keyword": self._tasks[task].keyword, "reason": reason.value}
        commands.append(self._lifecycle.transition(task, Skipped(reason), EventKind.TASK_SKIPPED, data))
        self._run_state.unfinished -= 1

    def _mode(self, task: str) -> Mode:
        return self._tasks[task].mode or self._default_mode

    # ---- attempts

    def _attempt_failed(self, event: AttemptFailed, commands: list[Command]) -> None:
        if self._states.get(event.task) == Running(event.epoch, event.attempt):
            data = {"attempt": event.attempt, "delay": event.delay, "error": event.failure.as_json()}
            commands.append(self._lifecycle.emit(EventKind.TASK_RETRYING, event.task, data))

    def _attempt_started(self, event: AttemptStarted, commands: list[Command]) -> None:
        state = self._states.get(event.task)
        if isinstance(state, Running) and state.epoch == event.epoch and state.attempt < event.attempt:
            following = Running(event.epoch, event.attempt)
            data = {"epoch": event.epoch, "attempt": event.attempt}
            commands.append(self._lifecycle.transition(event.task, following, EventKind.TASK_STARTED, data))

    # ---- decisions

    def _question(self, task: str, epoch: int) -> AskDecision:
        failure = self._run_state.outcomes[task].failure
        assert failure is not None
        return AskDecision(task, epoch, failure, self._may_retry(task))

    def _may_retry(self, task: str) -> bool:
        """What was never started (a template or a condition without a value) fails the same way every time."""
        return (
            self._run_state.outcomes[task].attempts > 0
            and self._run_state.retry_counts.get(task, 0) < MAX_DECIDED_RETRIES
        )

    def _decided(self, event: AgentDecision, commands: list[Command]) -> None:
        task = event.task
        if self._run_state.asking.get(task) != event.epoch:
            return
        del self._run_state.asking[task]
        self._run_state.spend(task, event.usage)
        action = event.action
        if action is Action.RETRY and not self._may_retry(task):
            action = Action.CONTINUE
        data = {"action": action.value, "reason": event.reason, "epoch": event.epoch}
        commands.append(self._lifecycle.emit(EventKind.DECISION, task, data))
        if action is Action.RETRY:
            self._run_state.retry_counts[task] = self._run_state.retry_counts.get(task, 0) + 1
            self._run_state.spend(task, self._run_state.outcomes[task].usage)
            self._make_ready(task, event.epoch + 1, commands)
            return
        if action is Action.SKIP:
            self._skip(task, SkipReason.DECISION, commands)
        else:
            self._give_up(task, commands)
            if action is Action.ABORT:
                reason = f"the main agent ended the run after `{task}` failed: {event.reason}"
                self._end_early(EarlyEnd(RunStatus.FAILED, reason), commands)
        self._settle(self._released(task), commands)

    # ---- the end

    def _end_early(self, stop: EarlyEnd, commands: list[Command]) -> None:
        if self._run_state.early_end is not None:
            return
        self._run_state.early_end = stop
        for task in tuple(self._run_state.asking):
            del self._run_state.asking[task]
            self._give_up(task, commands)
        self._run_state.ready.clear()
        for task, state in self._states.items():
            kind = type(state)
            if kind is Pending or kind is Ready:
                self._skip(task, SkipReason.RUN_CANCELLED, commands)
            elif isinstance(state, Running):
                commands.append(CancelTask(task, state.epoch, stop.reason))

    def _finish(self, commands: list[Command]) -> None:
        self._run_state.finished = True
        if self._request.timeout is not None:
            commands.append(CancelTimer(RUN_TIMER))
        if self._run_state.early_end is not None:
            status, reason = self._run_state.early_end.status, self._run_state.early_end.reason
        else:
            failed = any(type(state) is Failed and not self._tolerated(task) for task, state in self._states.items())
            status, reason = (RunStatus.FAILED if failed else RunStatus.SUCCEEDED), ""
        result = run_result(self.plan, status, self._states, self._run_state)
        data: dict[str, Any] = {"status": status.value}
        if reason:
            data["reason"] = reason
        if result.usage != NOTHING:
            data["usage"] = usage_json(result.usage)
        commands.append(self._lifecycle.emit(EventKind.RUN_FINISHED, None, data))
        commands.append(Finish(result))
