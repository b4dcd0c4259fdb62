"""One task through all its attempts, to the one outcome of its key. The same code here and on a worker elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import copy_context
from typing import Any, Final, Protocol

from nika_core import codes
from nika_core.engine.core.failures import FAULTS, described, failure_from
from nika_core.engine.core.messages import (
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    Outcome,
    TaskCall,
)
from nika_core.engine.core.ports import admitted
from nika_core.engine.local.run_context import RunContext
from nika_core.engine.task.abandonable import Abandonable
from nika_core.engine.task.outputs import as_json, bounded_output, fork, parsed
from nika_core.engine.task.step_context import UsageMeter, context_class
from nika_core.engine.task.supervisor import StopReason, TaskSupervisor
from nika_core.errors import Category, TaskError
from nika_core.model.json import Json
from nika_core.model.limits import LimitKind, timeout_of
from nika_core.model.message import Message
from nika_core.model.state import Failure
from nika_core.plugin import Admission, Stage, StepOutput

LONGEST_DELAY: Final = 60.0  # seconds of backoff
LONGEST_RETRY_AFTER: Final = 600.0  # seconds; who asks for more is not waited for


class Owner(Protocol):
    """Who started a task."""

    def waits(self) -> None:
        """A task is about to wait for something."""
        ...

    def abandoned(self, attempts: TaskRun) -> None:
        """It was told to stop and does not: nobody waits for it any longer."""
        ...


class TaskRun(TaskSupervisor):
    """Runs one task, on its leash. `waited`: it has waited for something, and so has a Task for itself."""

    waited = False
    _attempt = 1
    _timeout = 0.0
    _begun = 0.0

    def __init__(self, run: RunContext, call: TaskCall, owner: Owner) -> None:
        self._deadlines = run.deadlines
        self._grace = run.request.grace
        self.call = call
        self._run = run
        self._owner = owner
        self._started = run.clock.monotonic()
        self._meter = UsageMeter(run)

    def abandoned(self) -> None:
        self._owner.abandoned(self)

    async def run(self) -> Outcome:
        """The outcome. Raises nothing, whatever the step does."""
        try:
            outcome = self._ready()
            while outcome is None:
                try:
                    outcome = await self._once()
                except TaskError as error:
                    outcome = await self._after(error)
        except asyncio.CancelledError:
            return self.cancelled()
        except BaseException as error:  # a fault in the engine must end a task, not leave a run waiting for it
            failure = Failure(codes.INTERNAL, Category.UNKNOWN, f"a fault in the engine: {described(error)}")
            return Outcome(has_output=False, failure=failure)
        return outcome

    def _ready(self) -> Outcome | None:
        """What it needs. An outcome, when it is not to be had."""
        run, task = self._run, self.call.task
        try:
            context = run.contexts.get(task.keyword)
            if context is None:
                context = context_class(run, run.keyword(task.keyword))
            self._context = context
            self._keyword = context.keyword
            if run.services.admit is not admitted:
                self._admit()
        except FAULTS as error:  # policies and the modules of steps are plugins
            self._attempt = 0  # nothing was started
            return self._ended(self._failure(error))
        self._timeout = task.timeout or self._keyword.timeout
        return None

    async def _after(self, error: TaskError) -> Outcome | None:
        """After an attempt that failed: the outcome; None: another attempt follows, now."""
        delay = self._delay(error)
        failure = self._failure(error)
        if delay is None or self.stop_reason is StopReason.CANCEL or self.ended:
            return self._ended(failure, error)
        if not await self._wait(delay, failure):
            return self.cancelled()
        self._attempt += 1
        self._run.post(AttemptStarted(self.call.task.id, self.call.epoch, self._attempt))
        return None

    async def _once(self) -> Outcome:
        """One attempt. Raises TaskError when it failed; gives a cancelled outcome when the run does not want it."""
        run, call, keyword = self._run, self.call, self._keyword
        context = self._context(call, self._attempt, self._timeout, self._meter)
        try:
            if not keyword.spec.pure:
                self._about_to_wait()
                await run.barrier()  # a slow disk is not the task's time, nor is what others need to start
                await run.start_throttle.acquire()
            self._begun = run.clock.monotonic()
            own = copy_context()
            self.abandonable = Abandonable(own.run(keyword.step.run, fork(call.payload), context), self._waits, own)
            value, original, messages = self._unpacked(await self.abandonable)
            if call.task.output.format != "text":
                self._about_to_wait()
                value = await parsed(value, call.task.output, run.max_depth)
            return self._succeeded(value, original, messages)
        except TaskError as error:
            if error.usage is not None:
                context.count(error.usage)
            if self.stop_reason is StopReason.TIMEOUT:
                raise self._too_long(error.output) from error
            if self.stop_reason is StopReason.CANCEL:  # how it ends when it is told to stop
                return self.cancelled()
            raise
        except asyncio.CancelledError:
            if self.stop_reason is StopReason.TIMEOUT:
                raise self._too_long() from None
            if self.stop_reason is StopReason.CANCEL or _cancelling():
                return self.cancelled()
            raise TaskError("it cancelled itself", category=Category.UNKNOWN, hint="a fault of the plugin") from None
        except KeyboardInterrupt:  # the user's, wherever it came up: the run ends, in good order
            run.post(CancelRequested("interrupted"))
            return self.cancelled()
        except BaseException as error:  # a keyword is a plugin: not even its SystemExit may end a run
            if self.stop_reason is StopReason.TIMEOUT:
                raise self._too_long() from error
            if self.stop_reason is StopReason.CANCEL:
                return self.cancelled()
            failure = failure_from(error, f"keyword `{keyword.spec.name}`")
            raise TaskError(failure.message, category=failure.category, code=failure.code, hint=failure.hint) from error
        finally:
            context.flush()
            self.abandonable = None
            if self._deadline is not None or self._grace_deadline is not None:
                self.disarm()
            if self.stop_reason is StopReason.TIMEOUT:
                await self._still()

    def _about_to_wait(self) -> None:
        if not self.waited:
            self.waited = True
            self._owner.waits()

    def _waits(self) -> None:
        """Its time runs since it has begun, but it can only be told when it waits."""
        self._about_to_wait()
        self.arm(max(0.0, self._begun + self._timeout - self._run.clock.monotonic()))

    async def _still(self) -> None:
        """After a timeout: take a cancellation that is still on its way, so that it does not hit what follows."""
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        if self.stop_reason is StopReason.TIMEOUT:
            self.clear_cancellation()

    def _unpacked(self, returned: Any) -> tuple[Json, int | None, tuple[Message, ...]]:
        """What a step returned: its value, its size before it was cut, what it adds to the conversation."""
        original: int | None = None
        messages: tuple[Message, ...] = ()
        if isinstance(returned, StepOutput):
            original, messages = returned.original_bytes, tuple(returned.messages)
            self._meter.add(returned.usage)
            returned = returned.value
        if type(returned) is str and returned.isascii():
            return returned, original, messages
        return as_json(returned, self._run.max_depth, f"keyword `{self.call.task.keyword}`"), original, messages

    def _succeeded(self, value: Json, original: int | None, messages: tuple[Message, ...]) -> Outcome:
        value, truncated = bounded_output(value, self._keyword.max_output, original)
        duration = self._run.clock.monotonic() - self._started
        usage = self._meter.usage
        return Outcome(value, True, None, self._attempt, duration, usage, messages, truncated)

    # ---- retries

    def _most(self) -> int:
        """Attempts in all: the task's own number, within the limit for all tasks.

        Without a number of its own, only what has no effect but asking a model, or none at all, is tried again:
        nobody said that a command may run twice.
        """
        wanted, limit = self.call.task.retry.max, self._run.max_attempts
        if wanted is None and not (self._keyword.spec.pure or self._keyword.spec.needs_provider):
            return 1
        if wanted is None or limit is None or wanted <= limit:
            return wanted or limit or 1
        if self._attempt == limit:  # told when it matters: there would be another attempt
            bound = self._run.request.limits.limit(LimitKind.ATTEMPTS)
            name = bound.name if bound and bound.name else "a limit policy"
            self._run.notice(f"`retry.max` is {wanted}, but {name} allows {limit} attempts", self.call.task.id)
        return limit

    def _delay(self, error: TaskError) -> float | None:
        """Seconds until the next attempt: exponential, with full jitter; None: there is none."""
        if not error.retriable or not error.category.retried or self._attempt >= self._most():
            return None
        own = self.call.task.retry.backoff
        backoff = self._run.backoff if own is None else own
        asked = error.retry_after or 0.0
        if asked > LONGEST_RETRY_AFTER:
            return None
        longest = min(LONGEST_DELAY, backoff * 2.0 ** min(self._attempt - 1, 64))
        return max(self._run.services.random() * longest, asked)

    async def _wait(self, delay: float, failure: Failure) -> bool:
        """False: the run does not want another attempt."""
        call = self.call
        self._run.post(AttemptFailed(call.task.id, call.epoch, self._attempt, delay, failure))
        self._about_to_wait()
        try:
            await self._run.clock.sleep(delay)
        except asyncio.CancelledError:
            return False
        return self.stop_reason is not StopReason.CANCEL

    # ---- outcomes

    def _admit(self) -> None:
        call, run = self.call, self._run
        refusal = run.services.admit(
            Admission(
                stage=Stage.TASK,
                workflow=run.request.workflow.name,
                run_id=run.request.run_id,
                task_id=call.task.id,
                keyword=call.task.keyword,
                spent_tokens=run.spent.total_tokens,
                spent_usd=run.spent.cost_usd,
            )
        )
        if refusal is not None:
            code = refusal.code or codes.POLICY_REFUSED
            raise TaskError(refusal.reason, category=Category.BUDGET, code=code, hint=refusal.hint)

    def abandoned_outcome(self) -> Outcome:
        """It was told to stop, and did not."""
        ended = "It was told to stop and did not; it may still be doing something."
        if self.stop_reason is StopReason.TIMEOUT:
            error = self._too_long()
            failure = Failure(error.code, error.category, f"{error.message}. {ended}", error.hint)
            return self._ended(self._run.failure(failure))
        outcome = self.cancelled()
        assert outcome.failure is not None
        failure = Failure(outcome.failure.code, outcome.failure.category, f"{outcome.failure.message}. {ended}")
        return self._ended(self._run.failure(failure))

    def cancelled(self) -> Outcome:
        """The run did not want it any more."""
        failure = Failure(codes.CANCELLED, Category.CANCELLED, self.reason or "the run was cancelled")
        return self._ended(self._run.failure(failure))

    def _ended(self, failure: Failure, error: TaskError | None = None) -> Outcome:
        output, has_output, truncated = None, False, False
        if error is not None and error.output is not None:
            try:
                output = as_json(error.output, self._run.max_depth, "it")
                output, truncated = bounded_output(output, self._keyword.max_output, None)
                has_output = True
            except TaskError:
                output = None
        return Outcome(
            output,
            has_output,
            failure,
            self._attempt,
            self._run.clock.monotonic() - self._started,
            self._meter.usage,
            (),
            truncated,
        )

    def _failure(self, error: BaseException) -> Failure:
        failure = failure_from(error, f"keyword `{self.call.task.keyword}`")
        if isinstance(error, TaskError) and (error.retry_after or 0.0) > LONGEST_RETRY_AFTER:
            message = f"{failure.message} (the other side asks to wait {error.retry_after:g} s, which is too long)"
            failure = Failure(failure.code, failure.category, message, failure.hint)
        return self._run.failure(failure)

    def _too_long(self, output: Any = None) -> TaskError:
        keyword = self.call.task.keyword
        limit = self._run.request.limits.limit(timeout_of(keyword))
        name = f" or {limit.name}" if limit and limit.name else ""
        message = f"`{keyword}` did not end within {self._timeout:g} s"
        hint = f"raise the task's `timeout`{name}"
        return TaskError(message, category=Category.TIMEOUT, hint=hint, output=output)


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
