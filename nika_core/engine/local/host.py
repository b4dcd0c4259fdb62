"""The host acts: it does what the core says, in order and without waiting, and waits in one single place."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from nika_core.engine.core.core import Core
from nika_core.engine.core.failures import FAULTS
from nika_core.engine.core.hashing import definition_hash
from nika_core.engine.core.messages import (
    AskDecision,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Command,
    CoreEvent,
    Emit,
    Finish,
    Outcome,
    StartTask,
    StartTimer,
    TaskEnded,
    TimerFired,
    quick,
)
from nika_core.engine.core.run_plan import RunPlan
from nika_core.engine.local.agentic import decide
from nika_core.engine.local.executor import LocalExecutor
from nika_core.engine.local.observers import Observers
from nika_core.engine.local.resources import failures_of
from nika_core.engine.local.run_context import RunContext
from nika_core.engine.local.services import Observer, RunRequest, Services
from nika_core.engine.task.attempt import TaskRun
from nika_core.engine.task.deadlines import Deadline
from nika_core.model.limits import LimitKind
from nika_core.model.state import RunResult
from nika_core.model.workflow import AgentBlock, KeywordCategory, Mode, Task

_INTERRUPTED: Final = "interrupted"


class Run:
    """One run of one workflow. Make it, await `result` once, `cancel` it from the same event loop."""

    def __init__(self, request: RunRequest, services: Services, observers: Iterable[Observer] = ()) -> None:
        self._request = request
        self._inbox: deque[CoreEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._observers = Observers(observers, services.durable)
        self.context = RunContext(request, services, self._observers, self.post)
        self._running: dict[str, TaskRun] = {}  # by task
        self._executor = LocalExecutor(self._ended, self._process_inbox, self._wake)
        self._abandoned: list[asyncio.Task[None]] = []
        self._questions: set[asyncio.Task[None]] = set()
        self._timers: dict[str, Deadline] = {}
        self._cancelled = False
        self._result: RunResult | None = None
        self._fault: BaseException | None = None
        self._perform: Mapping[type[Any], Callable[[Any], None]] = {
            StartTask: self._start_task,
            CancelTask: self._cancel_task,
            StartTimer: self._start_timer,
            CancelTimer: self._cancel_timer,
            AskDecision: self._ask,
            Finish: self._finish,
        }

    # ---- from outside

    async def result(self) -> RunResult:
        """Do it all. When who awaits it is cancelled, the run is, in good order, and then the cancellation goes on."""
        started = self.context.clock.monotonic()
        core = self._core = Core(_plan(self._request, self.context))
        self.context.task_states = lambda: {task: type(state).__name__.lower() for task, state in core.states.items()}
        interrupted = False
        try:
            self._do(core.start())
            while True:
                self._process_inbox()
                if self._fault is not None:
                    raise self._fault
                if self._result is not None:
                    break
                self._executor.begin_turn()
                try:
                    await self._next_event()
                except asyncio.CancelledError:
                    interrupted = True
                    self.cancel(_INTERRUPTED)
        finally:
            await self._end()
        if interrupted:
            raise asyncio.CancelledError(_INTERRUPTED)
        result = replace(self._result, duration=self.context.clock.monotonic() - started)
        return self._masked(result)

    def cancel(self, reason: str = _INTERRUPTED, *, paused: bool = False) -> None:
        """Stop starting, cancel what runs, end. Asked a second time: do not wait for what runs any longer."""
        if self._cancelled:
            for task_run in tuple(self._running.values()):
                task_run.cancel(reason)
                task_run.abandon()
            return
        self._cancelled = True
        self.post(CancelRequested(reason, paused))

    def post(self, event: CoreEvent) -> None:
        """Something has happened."""
        self._inbox.append(event)
        self._wake()

    def _wake(self) -> None:
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

    def _process_inbox(self) -> None:
        """What follows from all that has happened. Called between tasks, too: what it raises is kept for `result`."""
        inbox = self._inbox
        try:
            while inbox and self._result is None and self._fault is None:
                self._do(self._core.on(inbox.popleft()))
        except BaseException as error:
            self._fault = error
            self._executor.stop()

    def _do(self, commands: list[Command]) -> None:
        self.context.emit_all(commands)
        for command in commands:
            if type(command) is not Emit:
                self._perform[type(command)](command)

    def _start_task(self, command: StartTask) -> None:
        call = command.call
        task_run = self._running[call.task.id] = TaskRun(self.context, call, self)
        self._executor.add(task_run)

    def _ended(self, task_run: TaskRun, outcome: Outcome) -> None:
        """A task has; its first outcome counts."""
        if not task_run.ended:
            task_run.ended = True
            call = task_run.call
            del self._running[call.task.id]
            self._inbox.append(quick(TaskEnded, (call.task.id, call.epoch, outcome)))

    def _ended_late(self, task_run: TaskRun, outcome: Outcome) -> None:
        """Not by its own runner, which would go on by itself."""
        self._ended(task_run, outcome)
        self._wake()

    def waits(self) -> None:
        """Whoever is ready does not wait for a task that does."""
        self._executor.start()

    def abandoned(self, task_run: TaskRun) -> None:
        """A task that does not listen is left behind."""
        task = task_run.call.task.id
        self.context.notice(f"`{task}` was told to stop and did not; the run goes on without it", task)
        if task_run.task is not None:
            self._abandoned.append(task_run.task)
        self._ended_late(task_run, task_run.abandoned_outcome())

    def _cancel_task(self, command: CancelTask) -> None:
        task_run = self._running.get(command.task)
        if task_run is None or task_run.call.epoch != command.epoch:
            return
        task_run.cancel(command.reason)
        if self._executor.drop(task_run):
            self._ended_late(task_run, task_run.cancelled())
        elif task_run.task is not None:  # cancelled before its first step, it would never say how it ended
            task_run.task.add_done_callback(lambda _: self._ended_late(task_run, task_run.cancelled()))

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
        tasks: list[asyncio.Task[Any]] = [*self._abandoned, *self._questions]
        tasks += [task_run.task for task_run in self._running.values() if task_run.task is not None]
        for task in tasks:
            task.cancel()
        await self._wait(tasks)
        closing = context.resources.begin_close()
        closing.append(asyncio.get_running_loop().create_task(context.services.caller.close()))
        late = await self._wait(closing)
        for task in late:
            task.cancel()
        late = await self._wait(late)
        for trouble in [*context.resources.failures(), *failures_of(closing[-1:])]:
            context.notice(f"something that the run had opened could not be closed: {trouble}")
        if late:
            context.notice(f"{len(late)} of the things that the run had opened did not close within {grace:g} s")
        sleeper = context.deadlines.close()
        if sleeper is not None:
            await asyncio.wait([sleeper])
        await context.barrier()
        await self._observers.end(grace)

    async def _wait(self, tasks: Iterable[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
        """Wait for these, for the grace period; gives those that have not ended."""
        left = [task for task in tasks if not task.done()]
        if not left:
            return []
        over = asyncio.get_running_loop().create_future()

        def wake(*_: Any) -> None:
            if not over.done() and (not _ or all(task.done() for task in left)):
                over.set_result(None)

        for task in left:
            task.add_done_callback(wake)
        patience = self.context.deadlines.add(self._request.grace, wake)
        try:
            await over
        finally:
            patience.cancel()
        return [task for task in left if not task.done()]

    def _masked(self, result: RunResult) -> RunResult:
        context = self.context
        if not context.masks:
            return result
        tasks = tuple(
            task._replace(output=context.masked(task.output), failure=task.failure and context.failure(task.failure))
            for task in result.tasks
        )
        name = context.masked(result.workflow)
        return replace(result, workflow=name, tasks=tasks, output=context.masked(result.output))


def _plan(request: RunRequest, run: RunContext) -> RunPlan:
    workflow, services, limits = request.workflow, run.services, request.limits
    words: dict[str, tuple[KeywordCategory, AgentBlock | None, tuple[str, ...]]] = {}  # its sections are the last

    def look_up(word: str) -> tuple[KeywordCategory, AgentBlock | None, tuple[str, ...]]:
        try:
            keyword = services.keyword(word)
            agent = run.agent if keyword.needs_provider else None
            found = words[word] = (keyword.category, agent, tuple(keyword.sections))
        except FAULTS:  # the task will say so when it starts
            found = words[word] = (KeywordCategory.TOOL, None, ())
        return found

    def definition(task: Task) -> str:
        category, agent, own = words[task.keyword]
        sections = declared
        if sections:
            allowed = task.allowed_tools if task.allowed_tools is not None else run.agent.allowed_tools
            if category is KeywordCategory.TOOL or not allowed:  # else any tool of it may use any of them
                sections = {name: sections[name] for name in own if name in sections}
        return definition_hash(task, agent, files.get(task.id, "") if files else "", sections)

    files = request.files
    declared = workflow.sections if request.sections is None else request.sections
    for word in {task.keyword for task in workflow.tasks}:
        look_up(word)
    context = {word for word, (category, _, _) in words.items() if category is KeywordCategory.CONTEXT}
    return RunPlan(
        run_id=request.run_id,
        workflow=workflow.name,
        tasks=workflow.tasks,
        graph=request.graph,
        definition=definition,
        render=services.render,
        resolve=services.resolve,
        context=frozenset(task.id for task in workflow.tasks if task.keyword in context),
        no_slot=request.no_slot,
        mode=run.agent.mode if workflow.agent or request.agent else Mode.STRICT,
        output=run.agent.output,
        inputs=request.inputs,
        environ=request.environ,
        max_concurrent=limits.count(LimitKind.CONCURRENT),
        max_json_depth=run.max_depth,
        max_error_bytes=run.max_error,
        fail_fast=request.fail_fast,
        timeout=request.timeout,
        previous=request.previous,
        rerun_from=request.rerun_from,
    )
