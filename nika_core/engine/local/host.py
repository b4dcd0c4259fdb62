"""The host acts: it does what the core says, in order and without waiting, and waits in one single place."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import (
    AskDecision,
    Awaited,
    AwaitExternal,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Command,
    CoreEvent,
    Emit,
    Finish,
    StartTask,
    StartTimer,
    StopAwaiting,
    TaskEnded,
    TaskWaits,
    TimerFired,
    wait_timer,
)
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.local.agentic import decide
from nika_core.engine.local.executor import LocalExecutor
from nika_core.engine.local.group_durations import GroupDurations
from nika_core.engine.local.observers import Observers
from nika_core.engine.local.resources import failures_of
from nika_core.engine.local.run_context import RunContext
from nika_core.engine.local.run_plan import run_plan
from nika_core.engine.local.services import EventListener, Services
from nika_core.engine.local.signals import SignalPoll
from nika_core.engine.task.deadlines import Deadline
from nika_core.model.large_values import LargeValue, size_if_large
from nika_core.model.limits import LimitKind
from nika_core.model.state import RunResult, TaskResult
from nika_core.model.usage import Usage
from nika_core.values import replace

_INTERRUPTED: Final = "interrupted"
_IN_MEMORY: Final = 16 * 1024 * 1024  # characters of large outputs that are not yet in history
_LONG: Final = 5.0  # seconds: a shorter wait for a place is not worth a word


class Run:
    """One run of one workflow. Make it, await `result` once, `cancel` it from the same event loop."""

    def __init__(self, request: RunRequest, services: Services, observers: Iterable[EventListener] = ()) -> None:
        self._request = request
        self._inbox: deque[CoreEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._observers = Observers(observers, services.durable)
        self.context = RunContext(request, services, self._observers, self.post)
        self._group_durations = GroupDurations(self.context.clock)
        self._executor = LocalExecutor(self.context.task_services, self.post)
        self._questions: set[asyncio.Task[None]] = set()
        self._timers: dict[str, Deadline] = {}
        self._signals = SignalPoll(services.signals, self.context.deadlines, self.post)
        self._cancelled = False
        self._unwritten = 0  # characters of large outputs
        self._crowded = 0.0  # seconds in which something waited for nothing but a place
        self._result: RunResult | None = None
        self._perform: Mapping[type[Any], Callable[[Any], None]] = {
            StartTask: self._start_task,
            CancelTask: self._cancel_task,
            AwaitExternal: self._await_external,
            StopAwaiting: self._stop_awaiting,
            StartTimer: self._start_timer,
            CancelTimer: self._cancel_timer,
            AskDecision: self._ask,
            Finish: self._finish,
        }

    # ---- from outside

    async def result(self) -> RunResult:
        """Do it all. If the awaiting task is cancelled, so is the run, in good order; then the cancellation goes on."""
        started = self.context.clock.monotonic()
        core = Core(run_plan(self._request, self.context.services))
        interrupted = False
        try:
            self._do(core.start())
            while True:
                while self._inbox and self._result is None:
                    event = self._inbox.popleft()
                    if isinstance(event, TaskWaits):
                        awaited = Awaited(event.wait.key, event.identity or event.node, event.epoch)
                        for signal in self._signals.already_there(event.node, awaited):
                            self._do(core.on(signal))
                    elif isinstance(event, TaskEnded):
                        event = self._holding(event)
                    self._do(core.on(event))
                if self._result is not None:
                    break
                waits_since = self.context.clock.monotonic() if core.crowded else None
                try:
                    if self._unwritten > _IN_MEMORY:
                        await self._let_go()
                    else:
                        await self._next_event()
                except asyncio.CancelledError:
                    interrupted = True
                    self.cancel(_INTERRUPTED)
                if waits_since is not None:
                    self._crowded += self.context.clock.monotonic() - waits_since
            self._tell_of_crowding(self.context.clock.monotonic() - started)
        finally:
            await self._end()
        if interrupted:
            raise asyncio.CancelledError(_INTERRUPTED)
        result = replace(self._result, duration=self.context.clock.monotonic() - started)
        return self._masked(self._group_durations.in_result(result))

    def _holding(self, event: TaskEnded) -> TaskEnded:
        """Let a large output leave memory when history has it."""
        outcome = event.outcome
        if outcome.failure is not None or not (size := size_if_large(outcome.output)):  # type: ignore[arg-type]
            return event
        self._unwritten += size
        return event._replace(outcome=outcome._replace(output=LargeValue(outcome.output)))  # type: ignore[arg-type]

    async def _let_go(self) -> None:
        """Wait until what large outputs there are is in history, and out of memory."""
        await self.context.emitter.barrier()
        self._unwritten = 0

    def _tell_of_crowding(self, seconds: float) -> None:
        """Say so if the run, which took so long, mostly waited for the limit of what runs at once."""
        limit = self._request.limits.bounds.get(LimitKind.CONCURRENT)
        if limit is not None and self._crowded >= max(_LONG, seconds / 2):
            self.context.emitter.notice(
                f"for {self._crowded:.0f} of its {seconds:.0f} s, the run waited for one of the {limit.value:g} places "
                f"that {limit.name} allows at once"
            )

    def cancel(self, reason: str = _INTERRUPTED) -> None:
        """Stop starting, cancel what runs, end. Asked a second time: do not wait for what runs any longer."""
        if self._cancelled:
            self._executor.abandon_all(reason)
        self._cancelled = True
        self.post(CancelRequested(reason))

    def look_for_signals(self) -> None:
        """Look for signals that may have been written for nodes that wait."""
        self._signals.look()

    def post(self, event: CoreEvent) -> None:
        """Post an event to the core."""
        self._inbox.append(event)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ---- the one place where it waits

    async def _next_event(self) -> None:
        """Until something has happened; the inbox has it, in the order in which things did."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # ---- commands

    def _do(self, commands: list[Command]) -> None:
        commands = self._group_durations.in_commands(commands)
        self.context.emitter.emit_all(commands)
        for command in commands:
            if type(command) is not Emit:
                self._perform[type(command)](command)

    def _start_task(self, command: StartTask) -> None:
        self._executor.start(command.call)

    def _cancel_task(self, command: CancelTask) -> None:
        self._executor.cancel(command.node, command.epoch, command.reason)

    def _await_external(self, command: AwaitExternal) -> None:
        node, wait = command.node, command.wait
        if wait.deadline is not None:
            self._start_timer(StartTimer(wait_timer(node), max(0.0, wait.deadline - self.context.clock.time())))
        self._signals.begin(node, Awaited(wait.key, command.identity or node))
        attend = self.context.services.attend
        if attend is not None:
            attend(node, wait, self.post)
        if self.context.services.notices is not None:
            emitter = self.context.emitter
            self.context.services.notices.opened(command, emitter.last_at, emitter)

    def _stop_awaiting(self, command: StopAwaiting) -> None:
        self._cancel_timer(CancelTimer(wait_timer(command.node)))
        self._signals.end(command.node)

    def _start_timer(self, command: StartTimer) -> None:
        event = TimerFired(command.id)
        self._timers[command.id] = self.context.deadlines.add(command.seconds, lambda: self.post(event))

    def _cancel_timer(self, command: CancelTimer) -> None:
        timer = self._timers.pop(command.id, None)
        if timer is not None:
            timer.cancel()

    def _ask(self, command: AskDecision) -> None:
        question = asyncio.get_running_loop().create_task(self._decide(command))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)

    async def _decide(self, command: AskDecision) -> None:
        self.post(await decide(self.context, command))

    def _finish(self, command: Finish) -> None:
        self._result = command.result

    # ---- the end: nothing outlives a run

    async def _end(self) -> None:
        context, grace = self.context, self._request.grace
        self._signals.close()
        tasks: list[asyncio.Task[Any]] = [*self._executor.left(), *self._questions]
        for task in tasks:
            task.cancel()
        await self._wait(tasks)
        closing = context.resources.begin_close()
        closing.append(asyncio.get_running_loop().create_task(context.services.caller.close()))
        late = await self._wait(closing)
        for task in late:
            task.cancel()
        late = await self._wait(late)
        notice = context.emitter.notice
        for trouble in [*context.resources.failures(), *failures_of(closing[-1:])]:
            notice(f"something that the run had opened could not be closed: {trouble}")
        if late:
            notice(f"{len(late)} of the things that the run had opened did not close within {grace:g} s")
        if context.services.notices is not None:
            await context.services.notices.end()
        await context.services.late.close()
        sleeper = context.deadlines.close()
        if sleeper is not None:
            await asyncio.wait([sleeper])
        await context.emitter.barrier()
        await self._observers.end(grace)

    async def _wait(self, tasks: Iterable[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        """Wait for these, for the grace period; return those that have not ended."""
        left = [task for task in tasks if not task.done()]
        if not left:
            return []
        over = asyncio.get_running_loop().create_future()

        def wake(*_: Any) -> None:
            if not over.done() and (not _ or all(task.done() for task in left)):
                over.set_result(None)

        for task in left:
            task.add_done_callback(wake)
        grace_deadline = self.context.deadlines.add(self._request.grace, wake)
        try:
            await over
        finally:
            grace_deadline.cancel()
        return [task for task in left if not task.done()]

    def _masked(self, result: RunResult) -> RunResult:
        emitter = self.context.emitter
        if not emitter.masks:
            return result

        mask = emitter.lasting_mask()

        def usage_masked(usage: Usage) -> Usage:  # servers and users name models
            models, unpriced = (tuple(map(emitter.mask, names)) for names in (usage.models, usage.unpriced))
            return replace(usage, models=models, unpriced=unpriced)

        def task_masked(task: TaskResult) -> TaskResult:
            failure = task.failure and emitter.failure(task.failure)
            children = tuple(map(task_masked, task.children))
            key, waits_for = emitter.masked(task.key), emitter.masked(task.waits_for)
            kept = task.kept_output  # was masked when it went into history, but more secrets may be known by now
            output = kept.through(mask) if isinstance(kept, LargeValue) else emitter.masked(kept)
            usage = usage_masked(task.usage)
            return task._replace(
                output=output, failure=failure, key=key, waits_for=waits_for, children=children, usage=usage
            )

        tasks = tuple(map(task_masked, result.tasks))
        failure = result.failure and emitter.failure(result.failure)
        name, output = emitter.masked(result.workflow), emitter.masked(result.output)
        usage = usage_masked(result.usage)
        return replace(result, workflow=name, tasks=tasks, output=output, failure=failure, usage=usage)
