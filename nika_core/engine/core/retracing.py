"""What a node was given: a core is driven by the recorded outcomes of a run until the node's call comes out again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Final, NamedTuple

from nika_core.engine.core.core import Core
from nika_core.engine.core.lifecycle import cancelled
from nika_core.engine.core.loops import ROUND_TIMER
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    CancelRequested,
    CancelTask,
    Command,
    CoreEvent,
    Emit,
    Finish,
    Outcome,
    StartTask,
    StartTimer,
    TaskCall,
    TaskEnded,
    TaskWaits,
    TimerFired,
    Wait,
)
from nika_core.engine.core.previous_tasks import PreviousTask, previous_tasks
from nika_core.engine.core.run_plan import RunPlan
from nika_core.engine.core.task_usage import with_identity
from nika_core.errors import Category
from nika_core.model.events import NO_DATA, Event, EventKind
from nika_core.model.ids import NodeId, identity_in
from nika_core.model.json import JsonObject
from nika_core.model.state import RunStatus

_ENDS: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_REUSED, EventKind.TASK_FAILED})
_UNKNOWN: Final = Wait("", patience=None)  # nobody knows how it ended: what needs it does not start
_DECLINED: Final = Outcome(has_output=False, declined=True)


class Retraced(NamedTuple):
    """How far the outcomes have led.

    Attributes:
        call: of the wanted node; None: they do not lead there.
        started: the data of its `task.started`, with the hashes.
        without_output: tasks on the way whose output history does not have.
    """

    call: TaskCall | None = None
    started: JsonObject = NO_DATA
    without_output: tuple[str, ...] = ()


def retrace(plan: RunPlan, events: Sequence[Event], node: NodeId) -> Retraced:
    """Return the call of a node as it follows from the events of a run. Raise nothing but what `plan` raises.

    Args:
        plan: the run's, as for its first life: without `previous`.
    """
    return _Retracing(plan, events).until(node)


class _Retracing:
    def __init__(self, plan: RunPlan, events: Sequence[Event]) -> None:
        self._core = Core(plan)
        self._known = previous_tasks(events, {})
        self._identities: dict[str, str] = {}
        self._order: dict[str, int] = {}
        self._stood_in: set[str] = set()
        self._decisions: dict[str, Action] = {}
        self._cancelled = False
        for event, identity in with_identity(events):
            if event.kind is EventKind.RUN_FINISHED:
                self._cancelled = event.data.get("status") == RunStatus.CANCELLED
            elif event.task is not None:
                self._learn(event, event.task, identity)
        self._inbox: deque[CoreEvent] = deque()
        self._ends: list[tuple[bool, int, int, TaskEnded]] = []
        self._number = 0
        self._timers: deque[str] = deque()
        self._without_output: list[str] = []

    def _learn(self, event: Event, task: str, identity: str) -> None:
        self._identities[task] = identity
        if event.kind in _ENDS:
            self._order[identity] = event.seq
            stood_in = event.kind is EventKind.TASK_SUCCEEDED and "error" in event.data
            (self._stood_in.add if stood_in else self._stood_in.discard)(identity)
        elif event.kind is EventKind.DECISION and (action := event.data.get("action")) in set(Action):
            self._decisions[task] = Action(action)

    def until(self, node: NodeId) -> Retraced:
        """Go on until the node starts."""
        commands: Iterable[Command] = self._core.start()
        started: JsonObject = NO_DATA
        while True:
            for command in commands:
                if isinstance(command, Emit):
                    if command.task == node and command.kind == EventKind.TASK_STARTED:
                        started = command.data
                elif isinstance(command, StartTask) and command.call.node == node:
                    return Retraced(command.call, started, tuple(self._without_output))
                elif isinstance(command, Finish):
                    return Retraced(without_output=tuple(self._without_output))
                else:
                    self._take(command)
            event = self._next()
            if event is None:
                return Retraced(without_output=tuple(self._without_output))
            commands = self._core.on(event)

    def _take(self, command: Command) -> None:
        if isinstance(command, StartTask):
            self._answer(command.call)
        elif isinstance(command, CancelTask):
            known = self._find(command.node)
            _, outcome = cancelled(command.reason)
            if known is not None and known.outcome.failure is not None:
                outcome = known.outcome
            self._inbox.append(TaskEnded(command.node, command.epoch, outcome))
        elif isinstance(command, AskDecision):
            self._inbox.append(AgentDecision(command.node, command.epoch, self._decided(command.node)))
        elif isinstance(command, StartTimer) and command.id.startswith(ROUND_TIMER):
            self._timers.append(command.id)

    def _next(self) -> CoreEvent | None:
        """Return what happens next: successes first, so that a failure that ended the run hides nothing before it."""
        if self._inbox:
            return self._inbox.popleft()
        if self._ends:
            return heappop(self._ends)[-1]
        if self._timers:
            return TimerFired(self._timers.popleft())
        if self._cancelled:
            self._cancelled = False
            return CancelRequested("")
        return None

    def _answer(self, call: TaskCall) -> None:
        identity = identity_in(call.key)
        if identity not in self._known:
            identity = self._identities.get(call.node, identity)
        known = self._known.get(identity)
        outcome = None if known is None else self._outcome(known, identity)
        if known is None or outcome is None:
            self._inbox.append(TaskWaits(call.node, call.epoch, _UNKNOWN, identity=identity))
            return
        failure = outcome.failure
        if failure is not None and failure.category is Category.CANCELLED:
            return  # until the run ends it
        if outcome.withheld or known.lost:
            self._without_output.append(call.node)
        end = TaskEnded(call.node, call.epoch, outcome)
        self._number += 1
        heappush(self._ends, (failure is not None, self._order.get(identity, 0), self._number, end))

    def _outcome(self, known: PreviousTask, identity: str) -> Outcome | None:
        if known.declined:
            return _DECLINED
        if known.state in ("running", "waiting") or (known.state == "skipped" and known.outcome.failure is None):
            return None
        if identity in self._stood_in:  # what stood in for it is made anew
            return known.outcome._replace(output=None, has_output=False)
        return known.outcome

    def _find(self, node: NodeId) -> PreviousTask | None:
        return self._known.get(self._identities.get(node, node))

    def _decided(self, node: NodeId) -> Action:
        known = self._find(node)
        if known is not None and known.state == "skipped":
            return Action.SKIP
        action = self._decisions.get(node, Action.CONTINUE)
        return Action.CONTINUE if action is Action.RETRY else action
