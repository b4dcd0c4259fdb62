"""One task through all its attempts, to the one outcome of its key. The same code here and on a worker elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from nika_core import codes
from nika_core.engine.core.failures import FAULTS, described, failure_from
from nika_core.engine.core.messages import (
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    Outcome,
    TaskCall,
    TaskEnded,
    TaskWaits,
)
from nika_core.engine.core.ports import Suspended
from nika_core.engine.core.run_plan import DEFAULT_JSON_DEPTH
from nika_core.engine.task.abandonable import Abandonable
from nika_core.engine.task.admitted_attempts import AdmittedAttempt
from nika_core.engine.task.exception_groups import single_error
from nika_core.engine.task.late_filling import fill_late
from nika_core.engine.task.outputs import bounded_output, checked_json, checked_usage, fork, parsed
from nika_core.engine.task.retry_delay import LONGEST_RETRY_AFTER, is_retried, refused_attempt, retry_delay
from nika_core.engine.task.services import TaskServices
from nika_core.engine.task.step_context import TaskContext, UsageMeter
from nika_core.engine.task.supervisor import StopReason, TaskSupervisor
from nika_core.engine.task.waits import suspended
from nika_core.errors import Category, TaskError
from nika_core.model.ids import identity_in
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind, timeout_of
from nika_core.model.message import Message
from nika_core.model.state import Failure
from nika_core.model.usage import NOTHING
from nika_core.plugin import Declined, Stage, StepOutput, WaitFor


class TaskRun(TaskSupervisor):
    """Runs one call: one epoch of one node.

    Args:
        on_abandoned: called if it was told to stop and does not: nobody waits for it any longer.
    """

    _attempt = 1
    _timeout = 0.0
    _context: TaskContext | None = None  # of the attempt that runs
    _admitted: AdmittedAttempt | None = None
    _waited_for = ""  # when it was told to stop: what a call to a model waited for, or what the step said then

    def __init__(self, services: TaskServices, call: TaskCall, on_abandoned: Callable[[TaskRun], None]) -> None:
        super().__init__(services.deadlines, services.grace)
        self.call = call
        self._services = services
        self._on_abandoned = on_abandoned
        self._started = services.clock.monotonic()
        self._meter = UsageMeter(services.spending)
        self._max_depth = call.limits.counts.get(LimitKind.JSON_DEPTH) or DEFAULT_JSON_DEPTH

    def abandoned(self) -> None:
        if self._context is not None:
            self._context.close()
        self._on_abandoned(self)

    def _stop(self, stop_reason: StopReason, reason: str) -> None:
        waits = () if self._context is None else self._context.waits.values()
        self._waited_for = next(iter(waits), "")
        super()._stop(stop_reason, reason)

    async def run(self) -> TaskEnded | TaskWaits:
        """Return how it ended. Raises nothing, whatever the step does."""
        call = self.call
        try:
            outcome = self._prepare()
            while outcome is None:
                try:
                    outcome = await self._attempt_once()
                except TaskError as error:
                    if self._services.tape is not None:
                        self._services.tape.failed(call, error)
                    outcome = await self._after(error)
        except asyncio.CancelledError:
            outcome = self.cancelled()
        except Suspended as pause:
            self._services.caller.forget(call.key, self._attempt)
            identity = identity_in(call.key)
            return TaskWaits(call.node, call.epoch, pause.wait, self._meter.usage, identity)
        except BaseException as error:  # a fault in the engine must end a task, not leave a run waiting for it
            failure = Failure(codes.INTERNAL, Category.UNKNOWN, f"a fault in the engine: {described(error)}")
            outcome = Outcome(has_output=False, failure=failure)
        return self.ended_with(outcome)

    def ended_with(self, outcome: Outcome) -> TaskEnded:
        """Return the report of an outcome."""
        return TaskEnded(self.call.node, self.call.epoch, outcome)

    def _prepare(self) -> Outcome | None:
        """Get what it needs. Return an outcome if something cannot be had."""
        try:
            self._keyword = self._services.keyword(self.call.keyword)
        except FAULTS as error:  # the modules of steps are plugins
            self._attempt = 0  # nothing was started
            return self._ended(self._failure(error))
        self._timeout = self.call.timeout or self._keyword.timeout
        return None

    async def _after(self, error: TaskError) -> Outcome | None:
        """Decide about an attempt that failed. Return the outcome; None: another attempt follows, now."""
        delay = self._delay(error)
        failure = self._failure(error)
        if delay is None or self.stop_reason is StopReason.CANCEL or self.ended:
            return self._ended(failure, error)
        if not await self._wait(delay, failure):
            return self.cancelled()
        self._attempt += 1
        self._services.report(AttemptStarted(self.call.node, self.call.epoch, self._attempt))
        return None

    async def _attempt_once(self) -> Outcome:
        """Make one attempt. Raises TaskError if it failed; returns a cancelled outcome if the run does not want it."""
        refused = await self._admit()
        if refused is not None:
            return refused
        services, call, keyword = self._services, self.call, self._keyword
        beat = None if call.idle_timeout is None else self.heartbeat
        context = TaskContext(services, call, keyword, self._attempt, self._timeout, self._meter, beat=beat)
        self._context = context
        try:
            if not keyword.spec.pure:
                await services.reporter.barrier()  # a slow disk is not the task's time
                await services.start()
            self.arm(self._timeout, call.idle_timeout)
            try:
                tape, run = services.tape, partial(self._step, context)
                returned = await (run() if tape is None else tape.step(call, keyword.spec, context, run))
            except BaseExceptionGroup as group:
                raise single_error(group, f"keyword `{keyword.spec.name}`") from None
            finally:
                context.close()
            if isinstance(returned, Declined):
                return self._ended(None)._replace(declined=True)
            value, original, messages = self._unpacked(returned)
            if call.output.format != "text":
                value = await parsed(value, call.output, self._max_depth)
            return self._succeeded(value, original, messages)
        except TaskError as error:
            if error.usage is not None:
                context.count(error.usage)
            if self._out_of_time:
                self._waited_for = self._waited_for or error.message
                raise self._too_long(error.output) from error
            if self.stop_reason is StopReason.CANCEL:  # how it ends if it is told to stop
                return self.cancelled()
            raise
        except asyncio.CancelledError:
            if self._out_of_time:
                raise self._too_long() from None
            if self.stop_reason is StopReason.CANCEL or _cancelling():
                return self.cancelled()
            raise TaskError("it cancelled itself", category=Category.UNKNOWN, hint="a fault of the plugin") from None
        except Suspended:
            raise
        except KeyboardInterrupt:  # the user's, wherever it came up: the run ends, in good order
            services.report(CancelRequested("interrupted"))
            return self.cancelled()
        except BaseException as error:  # a keyword is a plugin: not even its SystemExit may end a run
            if self._out_of_time:
                raise self._too_long() from error
            if self.stop_reason is StopReason.CANCEL:
                return self.cancelled()
            failure = failure_from(error, f"keyword `{keyword.spec.name}`")
            raise TaskError(failure.message, category=failure.category, code=failure.code, hint=failure.hint) from error
        finally:
            self._context = None
            self.abandonable = None
            self.disarm()
            if self._admitted is not None:
                self._admitted.settle(self._meter.own)
                self._admitted = None
            if self._out_of_time:
                await self._still()

    async def _step(self, context: TaskContext) -> Any:
        services, call, keyword = self._services, self.call, self._keyword
        payload = await fill_late(call, services, keyword.spec) if call.late else fork(call.payload)
        self.abandonable = Abandonable(keyword.step.run(payload, context), call.keyword)
        return await self.abandonable

    async def _admit(self) -> Outcome | None:
        """Put an attempt to the limit policies. Return an outcome if it may not begin."""
        services, gate = self._services, self._services.policies
        if gate is None or not gate.wants(Stage.TASK):
            return None
        admitted = AdmittedAttempt(services, gate, self.call, self._attempt, self._meter.own)
        try:
            await admitted.ask()
        except FAULTS as error:
            if isinstance(error, TaskError) and error.retriable and error.category.retried:
                raise  # a secret could not be had for now: an attempt that failed like any other
            self._attempt -= 1  # nothing was started
            return self._ended(self._failure(error))
        self._admitted = admitted
        return None

    @property
    def _out_of_time(self) -> bool:
        return self.stop_reason is not None and self.stop_reason.is_timeout

    async def _still(self) -> None:
        """Take a cancellation that is still on its way after a timeout, so that it does not hit what follows."""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        if self._out_of_time:
            self.clear_cancellation()

    def _unpacked(self, returned: Any) -> tuple[Json, int | None, tuple[Message, ...]]:
        """Unpack what a step returned: its value, its size before it was cut, what it adds to the conversation."""
        original: int | None = None
        messages: tuple[Message, ...] = ()
        if isinstance(returned, WaitFor):
            raise suspended(returned, self.call, self._services.clock.time(), self._max_depth)
        if isinstance(returned, StepOutput):
            original, messages = returned.original_bytes, tuple(returned.messages)
            if returned.usage is not NOTHING:
                self._meter.add(checked_usage(returned.usage, f"keyword `{self.call.keyword}`"), own=True)
            returned = returned.value
        if type(returned) is str and returned.isascii():
            return returned, original, messages
        return checked_json(returned, self._max_depth, f"keyword `{self.call.keyword}`"), original, messages

    def _succeeded(self, value: Json, original: int | None, messages: tuple[Message, ...]) -> Outcome:
        value, truncated = bounded_output(value, self._keyword.max_output, original)
        duration = self._services.clock.monotonic() - self._started
        usage = self._meter.usage
        return Outcome(value, True, None, self._attempt, duration, usage, messages, truncated)

    # ---- retries

    def _delay(self, error: TaskError) -> float | None:
        """Return the seconds until the next attempt; None: there is none."""
        call = self.call
        if is_retried(error) and (why := refused_attempt(call, self._attempt)):
            self._services.reporter.notice(why, call.node)  # now that it matters
        return retry_delay(error, call, self._keyword.spec, self._attempt, self._services.random)

    async def _wait(self, delay: float, failure: Failure) -> bool:
        """Return False if the run does not want another attempt."""
        call = self.call
        self._services.report(AttemptFailed(call.node, call.epoch, self._attempt, delay, failure))
        try:
            await self._services.clock.sleep(delay)
        except asyncio.CancelledError:
            return False
        return self.stop_reason is not StopReason.CANCEL

    # ---- outcomes

    def abandoned_outcome(self) -> Outcome:
        """Return the outcome of a task that was told to stop, and did not."""
        ended = "It was told to stop and did not; it may still be doing something."
        if self._out_of_time:
            error = self._too_long()
            failure = Failure(error.code, error.category, f"{error.message}. {ended}", error.hint)
            return self._ended(self._services.reporter.failure(failure))
        outcome = self.cancelled()
        assert outcome.failure is not None
        failure = Failure(outcome.failure.code, outcome.failure.category, f"{outcome.failure.message}. {ended}")
        return self._ended(self._services.reporter.failure(failure))

    def cancelled(self) -> Outcome:
        """Return the outcome of a task that the run does not want any more."""
        failure = Failure(codes.CANCELLED, Category.CANCELLED, self.reason or "the run was cancelled")
        return self._ended(self._services.reporter.failure(failure))

    def _ended(self, failure: Failure | None, error: TaskError | None = None) -> Outcome:
        output, has_output, truncated = None, False, False
        if error is not None and error.output is not None:
            try:
                output = checked_json(error.output, self._max_depth, "it")
                output, truncated = bounded_output(output, self._keyword.max_output, None)
                has_output = True
            except TaskError:
                output = None
        return Outcome(
            output,
            has_output,
            failure,
            self._attempt,
            self._services.clock.monotonic() - self._started,
            self._meter.usage,
            (),
            truncated,
        )

    def _failure(self, error: BaseException) -> Failure:
        failure = failure_from(error, f"keyword `{self.call.keyword}`")
        if isinstance(error, TaskError) and (error.retry_after or 0.0) > LONGEST_RETRY_AFTER:
            message = f"{failure.message} (the other side asks to wait {error.retry_after:g} s, which is too long)"
            failure = Failure(failure.code, failure.category, message, failure.hint)
        return self._services.reporter.failure(failure)

    def _too_long(self, output: Any = None) -> TaskError:
        keyword = self.call.keyword
        why = f" ({self._waited_for})" if self._waited_for else ""
        if self.stop_reason is StopReason.IDLE:
            message = f"`{keyword}` gave no output or other sign of life for {self.call.idle_timeout:g} s{why}"
            return TaskError(message, category=Category.TIMEOUT, hint="raise the task's `idleTimeout`", output=output)
        limit = self.call.limits.bounds.get(timeout_of(keyword))
        name = f" or {limit.name}" if limit and limit.name else ""
        message = f"`{keyword}` did not end within {self._timeout:g} s{why}"
        hint = f"raise the task's `timeout`{name}"
        return TaskError(message, category=Category.TIMEOUT, hint=hint, output=output)


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
