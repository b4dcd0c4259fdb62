"""Drives one run on a backend: the core's commands become actions, and reports become its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace as replaced
from typing import Any, Final

from nika_core import codes
from nika_core.app.backend.allowances import Allowances
from nika_core.app.backend.allowed_budget import NEEDS, NO_SPENDING
from nika_core.app.backend.batch_waits import BatchWaits
from nika_core.app.backend.driver_context import TOLD_TO_STOP, DriverContext
from nika_core.app.backend.postponed import TIMER, Postponed
from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.core.calls import call_json
from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AskDecision,
    AwaitExternal,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Command,
    CoreEvent,
    Emit,
    Finish,
    InnerBudget,
    Outcome,
    Signal,
    StartTask,
    StartTimer,
    StopAwaiting,
    TaskCall,
    TaskEnded,
    TaskWaits,
    TimerFired,
    wait_timer,
)
from nika_core.engine.core.results_json import run_result_json
from nika_core.engine.core.values_json import core_event_of, wait_json
from nika_core.engine.llm.batching import AGAIN
from nika_core.engine.local.group_durations import GroupDurations
from nika_core.errors import Category
from nika_core.model.codec import usage_json, usage_of
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind
from nika_core.model.question import is_question
from nika_core.model.state import Failure
from nika_core.model.usage import NOTHING
from nika_core.plugin import Stage, backend

_NOTICE: Final = "/notice/"  # ends, with the beginning of a key, the id of work that tells of a question
_KEY: Final = 16
_END: Final = "/ended"  # the id of work that tells the limit policies of the run's end
_DECISION: Final = "/decision"  # ends the id of work that is a question to the main agent


class CoreDriver:
    """A `RunDriver`. Whatever it is told, it passes on to the core, and does what the core then says.

    Args:
        now: see `BackendKernel.driver`.
    """

    def __init__(self, prepared: PreparedRun, definition: JsonObject, now: Callable[[], float], snapshot: Any) -> None:
        self._now = now
        self._context = context = DriverContext(prepared, definition, now, self._post)
        self._allowances = Allowances(prepared.bounds)
        self._group_durations = GroupDurations(context.clock)
        self._running: dict[str, TaskCall | AskDecision] = {}
        self._stopped: dict[str, str] = {}  # why, by the id of work that was told to end
        self._held: dict[str, backend.StartWork] = {}  # they wait for an allowance
        self._postponed = Postponed()
        self._telling: set[str] = set()  # of questions, by the id of the work
        self._told: list[str] = []  # the same, done
        self._waiting: dict[str, JsonObject] = {}  # by node, as people are shown it
        self._used: dict[str, Json] = {}  # by works that are done again for a larger allowance, by key
        self._memo: dict[str, Json] = {}  # what works had paid for that are done again, by key
        self._batch_waits = BatchWaits(prepared.limits.amounts.get(LimitKind.BATCH_SECONDS))
        self._timers: dict[str, float] = {}
        self._inbox: list[CoreEvent] = []
        self._actions: list[backend.DriverAction] = []
        self._finished = False
        policies = (definition.get("policies") or {}).get("stages", ())
        self._asks_policies = bool(policies)
        self._tells_end = Stage.ENDED in policies
        self._spent = self._before = sum((each.outcome.usage for each in context.plan.previous.values()), NOTHING)
        self._end: JsonObject | None = None  # it has ended, and the limit policies are told
        self._started = now()
        if snapshot is None:
            self._core = Core(context.plan)
            self._allowances.charge([self._before])
            return
        self._core = Core.restore(context.plan, snapshot["core"])
        self._started, self._timers, self._memo = snapshot["started"], snapshot["timers"], snapshot["memo"]
        self._used = snapshot["used"]
        self._allowances.restore(snapshot["allowances"])
        self._postponed.restore(snapshot["postponed"])
        self._told = list(snapshot["told"])
        self._spent, self._end = usage_of(snapshot.get("spent")), snapshot.get("end")
        self._batch_waits.restore(snapshot.get("batched") or {})
        context.restore_events(snapshot)

    # ---- what a backend calls

    def start(self) -> Sequence[backend.DriverAction]:
        """Begin."""
        return self._follow(self._core.start())

    def resume(self) -> Sequence[backend.DriverAction]:
        """Go on from a snapshot."""
        for name, due in list(self._timers.items()):
            self._actions.append(backend.SetTimer(name, max(0.0, due - self._now())))
        if self._end is not None:
            self._tell_end(self._end)
        for key in self._postponed.keys:
            if TIMER + key not in self._timers:
                self._start_timer(TIMER + key, 0.0)
        return self._follow(self._core.outstanding())

    def ended(self, id: str, report: JsonObject) -> Sequence[backend.DriverAction]:  # noqa: A002  # of the work
        """Take a report."""
        if id == _END:
            self._context.add_events(report.get("events", ()))
            return self._ended()
        if id in self._telling:
            self._telling.remove(id)
            self._told.append(id)
            self._context.add_events(report.get("events", ()))
            return []
        asked = self._running.get(id)
        if asked is None or id in self._held or self._postponed.has(id):
            return []
        event = core_event_of(report["event"])
        self._context.add_events(report.get("events", ()))
        self._allowances.hold(id, report.get("spent", NO_SPENDING), report.get("held", NO_SPENDING))
        if isinstance(event, TaskWaits) and isinstance(asked, TaskCall):
            later = event.wait.key.startswith(AGAIN)
            if (later or event.wait.key == NEEDS) and id in self._stopped:
                return self.lost(id, self._stopped[id])
            self._memo[asked.key] = report.get("memo")
            if later or event.wait.key == NEEDS:  # no news for the core: the same work again
                self._used[asked.key] = usage_json(event.usage)
                if later:
                    self._batch_waits.add(id, asked, event.wait, self._now())
                    self._postpone(event.wait.key, id)
                else:
                    self._allowances.settle(id, NO_SPENDING)
                    self._ask(asked, event.wait.about)
                return self._follow([])
            event = replaced(event, wait=replaced(event.wait, patience=None))
        elif isinstance(asked, TaskCall):
            self._memo.pop(asked.key, None)
        del self._running[id]
        self._batch_waits.end(id)
        if isinstance(event, TaskEnded):
            self._spent += event.outcome.usage
        elif isinstance(event, TaskWaits | AgentDecision):
            self._spent += event.usage
        self._allowances.settle(id, NO_SPENDING)
        self._go_on(self._postponed.ended(id))
        if (reason := self._stopped.pop(id, None)) is not None and isinstance(event, TaskEnded):
            event = _with_reason(event, reason)
        if isinstance(asked, TaskCall):
            self._used.pop(asked.key, None)
        before = [core_event_of(each) for each in report.get("before", ())]
        return self._follow(self._heard([*before, event]))

    def lost(self, id: str, message: str) -> Sequence[backend.DriverAction]:  # noqa: A002  # of the work
        """Take note that there will be no report."""
        if id == _END:
            self._context.notice(f"the limit policies were not told of the run's end: {message}")
            return self._ended()
        if id in self._telling:
            self._telling.remove(id)
            self._context.notice(f"nobody was told of a question: {message}", NodeId(id.partition("#")[0]))
            return []
        asked = self._running.pop(id, None)
        self._batch_waits.end(id)
        if asked is None:
            return []
        self._allowances.settle(id, None)
        self._go_on(self._postponed.ended(id))
        failure = Failure(codes.EXECUTION_FAILED, Category.UNKNOWN, message)
        if (reason := self._stopped.pop(id, None)) is not None:
            failure = Failure(codes.CANCELLED, Category.CANCELLED, reason)
        if isinstance(asked, AskDecision):
            return self._follow(self._heard([AgentDecision(asked.node, asked.epoch, Action.CONTINUE, message)]))
        self._memo.pop(asked.key, None)
        outcome = Outcome(has_output=False, failure=failure)
        return self._follow(self._heard([TaskEnded(asked.node, asked.epoch, outcome)]))

    def timer_fired(self, id: str) -> Sequence[backend.DriverAction]:  # noqa: A002  # of the timer
        """Take note that a timer has run out."""
        if self._timers.pop(id, None) is None:
            return []
        if id.startswith(TIMER):
            asks = self._postponed.pause_over(id.removeprefix(TIMER))
            self._go_on([] if asks is None else [asks])
            return self._follow([])
        return self._follow(self._heard([TimerFired(id)]))

    def signal(self, signal: JsonObject) -> Sequence[backend.DriverAction]:
        """Hand a signal to the core."""
        node = NodeId(signal["node"])
        event = Signal(node, signal.get("key", ""), signal.get("payload"), signal.get("sender", {}))
        return self._follow(self._heard([event]))

    def cancel(self, reason: str) -> Sequence[backend.DriverAction]:
        """Cancel the run."""
        return self._follow(self._heard([CancelRequested(reason)]))

    def view(self, since: int) -> JsonObject:
        """Return what people are shown."""
        waiting, now = [*self._waiting.values(), *self._batch_waits.shown], self._now()
        waits_long = all(self._batch_waits.is_long(id_, now) for id_ in self._running)
        return {
            "events": self._context.events_after(since),
            "waiting": waiting,
            "idle": bool(waiting) and waits_long and not self._timers_run,
        }

    @property
    def _timers_run(self) -> bool:
        return any(not name.startswith(("wait:", TIMER)) and name != "run" for name in self._timers)

    def snapshot(self) -> JsonObject:
        """Return its state."""
        return {
            "core": self._core.snapshot(),
            "started": self._started,
            "timers": dict(self._timers),
            "memo": dict(self._memo),
            "used": dict(self._used),
            "allowances": self._allowances.snapshot(),
            "postponed": self._postponed.snapshot(),
            "told": list(self._told),
            "spent": usage_json(self._spent),
            "end": self._end,
            "batched": self._batch_waits.snapshot(),
            **self._context.events_snapshot(),
        }

    # ---- from the core's commands to actions

    def _post(self, event: CoreEvent) -> None:
        self._inbox.append(event)

    def _heard(self, events: Iterable[CoreEvent]) -> list[Command]:
        return [command for event in events for command in self._core.on(event)]

    def _follow(self, commands: list[Command]) -> Sequence[backend.DriverAction]:
        while True:
            commands = self._group_durations.in_commands(commands)
            self._context.emitter.emit_all(commands)
            for command in commands:
                if type(command) is not Emit:
                    self._perform(command)
            if not self._inbox:
                break
            events, self._inbox = self._inbox, []
            commands = self._heard(events)
        for id_, allowance in self._allowances.grants():
            work = self._held.pop(id_)
            self._actions.append(work._replace(work={**work.work, "allowance": allowance}))
        actions, self._actions = self._actions, []
        return actions

    def _perform(self, command: Command) -> None:
        match command:
            case StartTask(call):
                self._start(call)
            case AskDecision():
                self._decide(command)
            case CancelTask():
                self._cancel(command)
            case AwaitExternal():
                self._await(command)
            case StopAwaiting(node):
                self._waiting.pop(node, None)
                self._end_timer(wait_timer(node))
            case StartTimer(name, seconds):
                self._start_timer(name, seconds)
            case CancelTimer(name):
                self._end_timer(name)
            case Finish(result):
                duration = self._now() - self._started
                result = self._group_durations.in_result(replaced(result, duration=duration))
                self._tell_end(run_result_json(result))

    def _tell_end(self, result: JsonObject) -> None:
        """End the run, after the limit policies were told of it if any wants to know."""
        if not self._tells_end:
            self._actions.append(backend.EndRun(result))
            return
        self._end = result
        told = {"status": result["status"], "usage": usage_json(self._spent), "earlier": usage_json(self._before)}
        self._actions.append(backend.StartWork(_END, "", {"ended": told}))

    def _ended(self) -> Sequence[backend.DriverAction]:
        result, self._end = self._end, None
        return [] if result is None else [backend.EndRun(result)]

    def _start(self, call: TaskCall) -> None:
        event = self._context.in_place(call)
        if event is not None:
            if isinstance(event, TaskWaits):
                event = replaced(event, wait=replaced(event.wait, patience=None))
            self._inbox.append(event)
            return
        id_ = f"{call.node}#{call.epoch}"
        self._running[id_] = call
        if not self._postponed.has(id_):
            self._ask(call, None)

    def _postpone(self, key: str, id_: str) -> None:
        """Have work go on later: what it waits for is not there yet."""
        seconds, free = self._postponed.add(key, id_)
        if seconds is not None:
            self._start_timer(TIMER + key, seconds)
        self._go_on(free)

    def _go_on(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            call = self._running[id_]
            assert isinstance(call, TaskCall)
            self._ask(call, None)

    def _ask(self, call: TaskCall, needs: JsonObject | None) -> None:
        """Start work, or have it wait for an allowance."""
        id_ = f"{call.node}#{call.epoch}"
        work: dict[str, Any] = {"call": call_json(self._context.as_sent(call))}
        if (memo := self._memo.get(call.key)) is not None:
            work["memo"] = memo
        if (used := self._used.get(call.key)) is not None:
            work["used"] = used
        if self._asks_policies:
            work["spent"] = usage_json(self._spent)
        start = backend.StartWork(id_, call.keyword, work, self._context.stays_with(call.keyword))
        self._begin(start, call.budgets, needs, spends=self._context.calls_models(call.keyword))

    def _begin(
        self, start: backend.StartWork, budgets: Sequence[InnerBudget], needs: JsonObject | None, *, spends: bool
    ) -> None:
        if (held := self._allowances.again(start.id)) is not None:
            self._actions.append(start._replace(work={**start.work, "allowance": held}))
        elif spends and self._allowances.bounded(budgets):
            self._held[start.id] = start
            self._allowances.ask(start.id, budgets, needs)
        else:
            self._actions.append(start)

    def _decide(self, command: AskDecision) -> None:
        id_ = f"{command.node}#{command.epoch}{_DECISION}"
        self._running[id_] = command
        work: dict[str, Any] = {"decision": self._context.decision_json(command), "memo": None}
        if self._asks_policies:
            work["spent"] = usage_json(self._spent)
        self._begin(backend.StartWork(id_, "", work), command.budgets, None, spends=True)

    def _cancel(self, command: CancelTask) -> None:
        id_ = f"{command.node}#{command.epoch}"
        if id_ in self._held or self._postponed.remove(id_):  # nobody does it now
            self._held.pop(id_, None)
            self._allowances.withdraw(id_)
            self._allowances.settle(id_, None)
            del self._running[id_]
            self._batch_waits.end(id_)
            failure = Failure(codes.CANCELLED, Category.CANCELLED, command.reason)
            self._inbox.append(TaskEnded(command.node, command.epoch, Outcome(has_output=False, failure=failure)))
        elif id_ in self._running:
            self._stopped[id_] = command.reason
            self._actions.append(backend.StopWork(id_, command.reason))

    def _await(self, command: AwaitExternal) -> None:
        node, wait = command.node, command.wait
        shown = {"task": node, "since": self._context.last_at, **wait_json(wait)}
        self._waiting[node] = {name: value for name, value in shown.items() if value is not None}
        if is_question(wait.about) and self._context.notifies:
            self._tell(command)
        if wait.deadline is not None:
            self._start_timer(wait_timer(node), wait.deadline - self._now())

    def _tell(self, command: AwaitExternal) -> None:
        """Have a worker tell people of a question, once."""
        node, wait = command.node, command.wait
        id_ = f"{node}#{command.epoch}{_NOTICE}{wait.key[:_KEY]}"
        if id_ in self._telling or id_ in self._told:
            return
        self._telling.add(id_)
        about: JsonObject = {"node": node, "epoch": command.epoch, "identity": command.identity}
        notice = {**about, "wait": wait_json(wait), "at": self._context.last_at}
        self._actions.append(backend.StartWork(id_, "", {"notice": notice}))

    def _start_timer(self, name: str, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self._timers[name] = self._now() + seconds
        self._actions.append(backend.SetTimer(name, seconds))

    def _end_timer(self, name: str) -> None:
        if self._timers.pop(name, None) is not None:
            self._actions.append(backend.ClearTimer(name))


def _with_reason(event: TaskEnded, reason: str) -> TaskEnded:
    """Return the end of a task that was told to stop, with the reason, which its worker did not know."""
    failure = event.outcome.failure
    if failure is None or failure.code != codes.CANCELLED:
        return event
    message = failure.message.replace(TOLD_TO_STOP, reason, 1)
    return event._replace(outcome=event.outcome._replace(failure=replaced(failure, message=message)))
