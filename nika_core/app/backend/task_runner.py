"""Does the work of one run on this machine: attempts of tasks, and questions to the main agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.app.backend.allowed_budget import Allowance, AllowedBudget
from nika_core.app.backend.attempt_state import AttemptState, KeptCalls
from nika_core.app.backend.driver_context import TOLD_TO_STOP, batchable_in, run_request
from nika_core.app.backend.live_events import LiveEvents, ShowLive
from nika_core.app.backend.opening import require_policies_of, require_same_plugin, run_folder
from nika_core.app.backend.work_reports import masked_end, that_travel, work_report
from nika_core.app.mocked_answers import answers_of
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.question_notices import question_notices
from nika_core.app.run_folder import RunFolder
from nika_core.app.run_policies import run_policies
from nika_core.app.run_services import run_services
from nika_core.engine.core.calls import call_of
from nika_core.engine.core.decisions_json import decision_of
from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AwaitExternal,
    CoreEvent,
    Outcome,
    TaskCall,
    TaskEnded,
    TaskWaits,
)
from nika_core.engine.core.values_json import wait_of
from nika_core.engine.local.agentic import decide
from nika_core.engine.local.run_context import RunContext
from nika_core.engine.task.attempt import TaskRun
from nika_core.engine.task.services import TaskServices
from nika_core.errors import Category, NikaError, RefusedError, TaskError
from nika_core.journal.encoding import decode, encode
from nika_core.model.codec import usage_of
from nika_core.model.events import Event
from nika_core.model.ids import NodeId, identity_in
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import Failure
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import backend
from nika_core.values import replace

_GRACE: Final = 5.0  # seconds that what a run has opened has to close


class _OneAttempt(TaskRun):
    """Makes one attempt and no more: what waits, and where, before the next one is the backend's business."""

    retry: tuple[float, Failure] | None = None

    def begin_with(self, attempt: int) -> None:
        """Count the attempts from this one on."""
        self._attempt = attempt

    async def _after(self, error: TaskError) -> Outcome | None:
        delay = self._delay(error)
        failure = self._failure(error)
        if delay is not None and self.stop_reason is None and not self.ended:
            self.retry = delay, failure
        return self._ended(failure, error)


class RunRunner:
    """A `TaskRunner`."""

    def __init__(self, prepared: PreparedRun, definition: JsonObject) -> None:
        self._prepared = prepared
        self._definition = definition
        self._budget = AllowedBudget(prepared.bounds)
        self._events: dict[str, list[JsonObject]] = {}  # by node, of works that are under way
        self._kept: dict[str, KeptCalls] = {}  # the same
        folder = RunFolder(run_folder(definition))
        self._spent: Usage = NOTHING  # by the whole run, as its driver last said
        user = (definition.get("policies") or {}).get("user")
        self._policies = run_policies(prepared, definition["run"], self._notice, lambda: self._spent, user)
        services = run_services(
            prepared,
            self._budget,
            folder,
            notice=self._notice,
            policies=self._policies,
            batchable=batchable_in(prepared, definition),
            detached=True,
            answers=answers_of(prepared.options),
        )
        services = replace(services, record=self._record, barrier=self._settle_all, attended=True)
        request = replace(run_request(prepared, definition), environ=prepared.workspace.environ)
        # A project in the shared folder is used where it lies: its commands see all files that are beside it.
        self._root = Path(definition["place"] or prepared.workspace.project_folder)
        self._live = LiveEvents()
        self._context = RunContext(request, services, self._live, self._reported)
        self._services: TaskServices = self._context.task_services

    # ---- what a backend calls

    async def run(
        self,
        work: JsonObject,
        *,
        attempt: int = 1,
        state: Json = None,
        keep: Callable[[Json], None] | None = None,
        settle: Callable[[], Awaitable[None]] | None = None,
        max_bytes: int | None = None,
        show: ShowLive | None = None,
    ) -> backend.WorkEnd:
        """Make one attempt."""
        if "notice" in work:
            return await self._tell(work["notice"])
        if "ended" in work:
            return await self._tell_end(work["ended"])
        node = work["decision"]["node"] if "decision" in work else work["call"]["node"]
        key = work["decision"]["identity"] if "decision" in work else identity_in(work["call"]["key"])
        now = AttemptState.of(state, work.get("memo"), work.get("used"), attempt)
        events = self._events[node] = list(now.events)
        allowance = None
        if work.get("allowance") is not None:
            allowance = Allowance(self._prepared.bounds, work["allowance"], now.charged(work["allowance"]))
            self._budget.allowances[key] = allowance
        now.begin()
        kept = self._kept[node] = KeptCalls(now, allowance, keep, self._prepared.masker.json, settle)
        kept.keep()
        if self._policies is not None:
            self._spent = usage_of(work.get("spent"))
            self._policies.settle_earlier(now.memo, kept)  # what an attempt that was lost could not tell
        if show is not None:
            self._live.shown_to[node] = show
        try:
            if "decision" in work:
                return await self._decide(work["decision"], now, events, allowance)
            call = call_of(work["call"])
            call = call._replace(folder=str(self._root / call.folder), limits=self._prepared.limits)
            end = await self._attempt(call, now, kept, events, allowance)
            if max_bytes is not None and (size := len(encode(end.report))) > max_bytes:
                return self._end(_too_large(end.report, size, max_bytes), now, [], allowance)
            return end
        finally:
            kept.end()
            self._events.pop(node, None)
            self._kept.pop(node, None)
            self._live.shown_to.pop(node, None)
            self._budget.allowances.pop(key, None)

    async def close(self) -> None:
        """Close what the run has opened here."""
        context = self._context
        closing: list[asyncio.Task[Any]] = [
            *context.resources.begin_close(),
            asyncio.get_running_loop().create_task(context.services.caller.close()),
        ]
        _, late = await asyncio.wait(closing, timeout=_GRACE)
        for task in late:
            task.cancel()
        await context.services.late.close()
        if self._policies is not None:
            await self._policies.all_told()
            self._policies.close()
        sleeper = context.deadlines.close()
        if sleeper is not None:
            await asyncio.wait([sleeper])

    # ---- works

    async def _attempt(
        self,
        call: TaskCall,
        now: AttemptState,
        kept: KeptCalls,
        events: list[JsonObject],
        allowance: Allowance | None,
    ) -> backend.WorkEnd:
        services = replace(self._services, call_cache=kept)
        done: asyncio.Future[TaskEnded] = asyncio.get_running_loop().create_future()

        def left_behind(run: TaskRun) -> None:
            if not done.done():
                done.set_result(run.ended_with(run.abandoned_outcome()))

        run = _OneAttempt(services, call, left_behind)
        run.begin_with(now.attempt)
        try:
            require_same_plugin(self._prepared, self._definition, call.keyword)
            require_policies_of(self._prepared, self._definition)
        except NikaError as error:
            return self._end(
                run.ended_with(Outcome(has_output=False, failure=Failure.of(error))), now, events, allowance
            )
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(run.run())
        run.task = task
        while not (task.done() or done.done()):
            try:
                await asyncio.wait([task, done], return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                run.cancel(TOLD_TO_STOP)
        run.ended = True
        await self._all_told()
        event = done.result() if done.done() else _ended_event(task, run)
        now.use(event.outcome.usage if isinstance(event, TaskEnded) else event.usage)
        if run.retry is not None and run.stop_reason is None:
            delay, failure = run.retry
            failure = self._context.emitter.failure(failure)
            now.failed(delay, failure, events)
            state = kept.state(closed=True)
            return backend.WorkEnd({}, delay, state, failure.message)
        return self._end(event, now, events, allowance)

    async def _decide(
        self, data: JsonObject, now: AttemptState, events: list[JsonObject], allowance: Allowance | None
    ) -> backend.WorkEnd:
        asked = decision_of(data)
        try:
            require_policies_of(self._prepared, self._definition)
            decision = await decide(self._context, asked)
        except RefusedError as error:
            decision = AgentDecision(asked.node, asked.epoch, Action.CONTINUE, error.message)
        await self._all_told()
        return self._end(decision, now, events, allowance)

    async def _tell(self, about: JsonObject) -> backend.WorkEnd:
        """Tell people of a question."""
        node = about["node"]
        events: list[JsonObject] = []
        self._events[node] = events
        try:
            run, on = self._definition["run"], self._definition.get("on") or ""
            notices = question_notices(self._prepared, run, None, attended=False, on=on)
            if notices is not None:
                command = AwaitExternal(NodeId(node), wait_of(about["wait"]), about["identity"], about["epoch"])
                notices.opened(command, about["at"], self._context.emitter)
                await notices.end()
        except NikaError as error:
            self._notice(f"nobody was told of a question: {error.message}", node)
        finally:
            self._events.pop(node, None)
        return backend.WorkEnd({"events": events})

    def _end(
        self, event: CoreEvent, now: AttemptState, events: list[JsonObject], allowance: Allowance | None
    ) -> backend.WorkEnd:
        event, masked = masked_end(event, self._context.emitter, now)
        if masked:
            node = getattr(event, "node", None)
            self._notice("its output has a secret in it: other tasks are given *** in its place", node)
        return backend.WorkEnd(work_report(event, now, events, allowance, self._prepared.masker.json))

    # ---- limit policies

    async def _all_told(self) -> None:
        """Wait until the policies know what a work has taken, so that no later attempt tells it again."""
        if self._policies is not None:
            await self._policies.all_told()

    async def _tell_end(self, about: JsonObject) -> backend.WorkEnd:
        """Tell the policies that the run has ended."""
        events = self._events[""] = []
        try:
            require_policies_of(self._prepared, self._definition)
            if self._policies is not None:
                self._spent = usage_of(about["usage"])
                await self._policies.tell_end(about["status"], usage_of(about["earlier"]))
        except RefusedError as error:
            self._notice(f"the limit policies were not told of the run's end: {error.message}")
        finally:
            self._events.pop("", None)
        return backend.WorkEnd({"events": events})

    # ---- what works report meanwhile

    async def _settle_all(self) -> None:
        await asyncio.gather(*(kept.settle() for kept in list(self._kept.values())))

    def _record(self, events: Sequence[Event]) -> None:
        for event in that_travel(events):
            under_way = self._events.get(event.task or "")
            if under_way is None and self._events:
                under_way = next(iter(self._events.values()))
            if under_way is not None:
                data = decode(encode(event.data))
                under_way.append({"kind": str(event.kind), "task": event.task, "data": data})

    def _notice(self, message: str, node: str | None = None) -> None:
        self._context.emitter.notice(message, node)

    def _reported(self, event: CoreEvent) -> None:
        """Report what happens between an attempt's start and its end: retries, which the backend makes."""


def _too_large(report: JsonObject, size: int, most: int) -> TaskEnded:
    node, epoch = NodeId(report["event"]["node"]), report["event"]["epoch"]
    message = (
        f"its output has about {size:,} bytes, and at most {most:,} travel without a folder that all machines share"
    )
    failure = Failure(
        codes.SIZE_LIMIT, Category.CONFIG, message, "--shared DIR, for the submission and for each worker"
    )
    return TaskEnded(node, epoch, Outcome(has_output=False, failure=failure))


def _ended_event(task: asyncio.Task[Any], run: TaskRun) -> TaskEnded | TaskWaits:
    if task.cancelled():  # before its first step
        return run.ended_with(run.cancelled())
    error = task.exception()
    if error is not None:
        failure = Failure.of(NikaError(codes.INTERNAL, f"a fault in the engine: {error}"))
        return run.ended_with(Outcome(has_output=False, failure=failure))
    ended: TaskEnded | TaskWaits = task.result()
    return ended
