"""The host acts: it does what the core says, in order and without waiting, and waits in one single place."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from nika_core import codes
from nika_core.engine.agentic import decide
from nika_core.engine.attempt import Attempts
from nika_core.engine.core import Core
from nika_core.engine.deadlines import Deadline
from nika_core.engine.failures import FAULTS, described
from nika_core.engine.hashing import definition_hash
from nika_core.engine.leash import Leash
from nika_core.engine.observers import Observers
from nika_core.engine.plan import Plan
from nika_core.engine.resources import failures_of
from nika_core.engine.scene import Scene
from nika_core.engine.services import Observer, RunRequest, Services
from nika_core.engine.wire import (
    AskDecision,
    CancelRequested,
    CancelTask,
    CancelTimer,
    Command,
    CoreEvent,
    Emit,
    Finish,
    Outcome,
    OutcomeKind,
    StartTask,
    StartTimer,
    TaskEnded,
    TimerFired,
)
from nika_core.errors import Category
from nika_core.model.limits import Measure
from nika_core.model.state import Failure, RunResult
from nika_core.model.workflow import KeywordCategory, Mode, Task

_INTERRUPTED: Final = "interrupted"


async def run(request: RunRequest, services: Services, observers: Iterable[Observer] = ()) -> RunResult:
    """Run a workflow to its end. Raises nothing for what its tasks do; see `Run` for cancelling."""
    return await Run(request, services, observers).result()


class Run:
    """One run of one workflow. Make it, await `result` once, `cancel` it from the same event loop."""

    def __init__(self, request: RunRequest, services: Services, observers: Iterable[Observer] = ()) -> None:
        self._request = request
        self._inbox: deque[CoreEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._observers = Observers(observers)
        self.scene = Scene(request, services, self._observers, self.post)
        self._leashes: dict[tuple[str, int], tuple[Leash, Attempts]] = {}
        self._abandoned: list[asyncio.Task[None]] = []
        self._questions: set[asyncio.Task[None]] = set()
        self._timers: dict[str, Deadline] = {}
        self._cancelled = False
        self._result: RunResult | None = None
        self._perform: Mapping[type[Any], Callable[[Any], None]] = {
            Emit: self._emit,
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
        started = self.scene.clock.monotonic()
        core = Core(_plan(self._request, self.scene))
        self.scene.standing = lambda: {task: type(state).__name__.lower() for task, state in core.states.items()}
        interrupted = False
        try:
            self._do(core.start())
            while self._result is None:
                try:
                    event = await self.next_event()
                except asyncio.CancelledError:
                    interrupted = True
                    self.cancel(_INTERRUPTED)
                    continue
                self._do(core.on(event))
        finally:
            await self._end()
        if interrupted:
            raise asyncio.CancelledError(_INTERRUPTED)
        result = replace(self._result, duration=self.scene.clock.monotonic() - started)
        return self._masked(result)

    def cancel(self, reason: str = _INTERRUPTED, *, paused: bool = False) -> None:
        """Stop starting, cancel what runs, end. Asked a second time: do not wait for what runs any longer."""
        if self._cancelled:
            for leash, _ in tuple(self._leashes.values()):
                leash.cancel(reason)
                leash.leave()
            return
        self._cancelled = True
        self.post(CancelRequested(reason, paused))

    def post(self, event: CoreEvent) -> None:
        """Something has happened."""
        self._inbox.append(event)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ---- the one place where it waits

    async def next_event(self) -> CoreEvent:
        """The next thing that happened, in the order in which it did."""
        while not self._inbox:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._inbox.popleft()

    # ---- commands

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            self._perform[type(command)](command)

    def _emit(self, command: Emit) -> None:
        self.scene.tell(command.kind, command.task, command.data)

    def _start_task(self, command: StartTask) -> None:
        call = command.call
        name = (call.task.id, call.epoch)
        leash = Leash(self.scene.deadlines, self._request.grace, lambda _: self._leave(name))
        attempts = Attempts(self.scene, call, leash)
        self._leashes[name] = (leash, attempts)
        leash.task = asyncio.get_running_loop().create_task(self._run(name, leash, attempts))

    async def _run(self, name: tuple[str, int], leash: Leash, attempts: Attempts) -> None:
        try:
            outcome = await attempts.run()
        except asyncio.CancelledError:
            outcome = attempts.cancelled()
        except BaseException as error:  # a fault in the engine must end a task, not leave a run waiting for it
            failure = Failure(codes.INTERNAL, Category.UNKNOWN, f"a fault in the engine: {described(error)}")
            outcome = Outcome(OutcomeKind.LOST, has_output=False, failure=failure)
        self._ended(name, leash, outcome)

    def _ended(self, name: tuple[str, int], leash: Leash, outcome: Outcome) -> None:
        """The first outcome counts."""
        if not leash.ended:
            leash.ended = True
            leash.disarm()
            self._leashes.pop(name, None)
            self.post(TaskEnded(name[0], name[1], outcome))

    def _leave(self, name: tuple[str, int]) -> None:
        leash, attempts = self._leashes[name]
        self.scene.notice(f"`{name[0]}` was told to stop and did not; the run goes on without it", name[0])
        if leash.task is not None:
            self._abandoned.append(leash.task)
        self._ended(name, leash, attempts.left_behind())

    def _cancel_task(self, command: CancelTask) -> None:
        found = self._leashes.get((command.task, command.epoch))
        if found is None:
            return
        leash, attempts = found
        leash.cancel(command.reason)
        if leash.task is not None:  # cancelled before its first step, it would never say how it ended
            leash.task.add_done_callback(
                lambda _: self._ended((command.task, command.epoch), leash, attempts.cancelled())
            )

    def _start_timer(self, command: StartTimer) -> None:
        event = TimerFired(command.id)
        self._timers[command.id] = self.scene.deadlines.add(command.seconds, lambda: self.post(event))

    def _cancel_timer(self, command: CancelTimer) -> None:
        timer = self._timers.pop(command.id, None)
        if timer is not None:
            timer.cancel()

    def _ask(self, command: AskDecision) -> None:
        question = asyncio.get_running_loop().create_task(self._decide(command))
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)

    async def _decide(self, command: AskDecision) -> None:
        self.post(await decide(self.scene, command))

    def _finish(self, command: Finish) -> None:
        self._result = command.result

    # ---- the end: nothing outlives a run

    async def _end(self) -> None:
        scene, grace = self.scene, self._request.grace
        tasks: list[asyncio.Task[Any]] = [*self._abandoned, *self._questions]
        tasks += [leash.task for leash, _ in self._leashes.values() if leash.task is not None]
        for task in tasks:
            task.cancel()
        await self._wait(tasks)
        closing = scene.resources.begin_close()
        closing.append(asyncio.get_running_loop().create_task(scene.services.caller.close()))
        late = await self._wait(closing)
        for task in late:
            task.cancel()
        late = await self._wait(late)
        for trouble in [*scene.resources.failures(), *failures_of(closing[-1:])]:
            scene.notice(f"something that the run had opened could not be closed: {trouble}")
        if late:
            scene.notice(f"{len(late)} of the things that the run had opened did not close within {grace:g} s")
        sleeper = scene.deadlines.close()
        if sleeper is not None:
            await asyncio.wait([sleeper])
        await scene.barrier()
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
        patience = self.scene.deadlines.add(self._request.grace, wake)
        try:
            await over
        finally:
            patience.cancel()
        return [task for task in left if not task.done()]

    def _masked(self, result: RunResult) -> RunResult:
        scene = self.scene
        if not scene.masks:
            return result
        tasks = tuple(
            replace(task, output=scene.masked(task.output), failure=task.failure and scene.failure(task.failure))
            for task in result.tasks
        )
        return replace(result, tasks=tasks, output=scene.masked(result.output))


def _plan(request: RunRequest, scene: Scene) -> Plan:
    workflow, services, limits = request.workflow, scene.services, request.limits
    words: dict[str, tuple[KeywordCategory, bool, tuple[str, ...]]] = {}  # category, needs a provider, its sections

    def about(task: Task) -> tuple[KeywordCategory, bool, tuple[str, ...]]:
        found = words.get(task.keyword)
        if found is None:
            try:
                keyword = services.keyword(task.keyword)
                found = (keyword.category, keyword.needs_provider, tuple(keyword.sections))
            except FAULTS:  # the task will say so when it starts
                found = (KeywordCategory.TOOL, False, ())
            words[task.keyword] = found
        return found

    def definition(task: Task) -> str:
        category, needs_provider, own = about(task)
        sections = workflow.sections
        if sections:
            allowed = task.allowed_tools if task.allowed_tools is not None else scene.agent.allowed_tools
            if category is KeywordCategory.TOOL or not allowed:  # else any tool of it may use any of them
                sections = {name: sections[name] for name in own if name in sections}
        return definition_hash(task, scene.agent if needs_provider else None, request.files.get(task.id, ""), sections)

    return Plan(
        run_id=request.run_id,
        workflow=workflow.name,
        tasks=workflow.tasks,
        graph=request.graph,
        definition=definition,
        render=services.render,
        resolve=services.resolve,
        context=frozenset(task.id for task in workflow.tasks if about(task)[0] is KeywordCategory.CONTEXT),
        patient=request.patient,
        mode=scene.agent.mode if workflow.agent or request.agent else Mode.STRICT,
        output=scene.agent.output,
        inputs=request.inputs,
        environ=request.environ,
        max_concurrent=limits.count(Measure.CONCURRENT),
        max_json_depth=scene.max_depth,
        max_error_bytes=scene.max_error,
        fail_fast=request.fail_fast,
        timeout=request.timeout,
        earlier=request.earlier,
        again=request.again,
    )
