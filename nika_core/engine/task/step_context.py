"""What a running step is given: `StepContext` of the plugin interface, made for one attempt of one task."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from nika_core.engine.core.messages import Awaited, TaskCall
from nika_core.engine.core.ports import CallScope, MaskedStream
from nika_core.engine.core.run_plan import DEFAULT_JSON_DEPTH
from nika_core.engine.task.approvals import Approvals
from nika_core.engine.task.conversations import Conversations
from nika_core.engine.task.outputs import checked_usage, fork
from nika_core.engine.task.questions import checked_question, checked_reply
from nika_core.engine.task.saved_state import save_state, saved_state
from nika_core.engine.task.services import BoundKeyword, RunMeter, TaskServices
from nika_core.engine.task.step_events import checked_data, checked_kind, checked_progress, checked_secret
from nika_core.engine.task.tool_calls import call_tool, find_tools
from nika_core.engine.task.waits import suspended
from nika_core.errors import Category, TaskError
from nika_core.model.bounded import shorten
from nika_core.model.events import EventKind
from nika_core.model.ids import identity_in
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind
from nika_core.model.question import question_json
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import KeywordCategory
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest, Question, Tool, ToolResult, WaitFor

T = TypeVar("T")
_UNBOUNDED: Final = 2**53
_LONGEST_PROGRESS: Final = 500  # characters of what a step says about its progress


@lru_cache(maxsize=64)  # one folder for thousands of attempts
def _path(folder: str) -> Path:
    return Path(folder)


class UsageMeter:
    """What one task has used, over all its attempts. Each usage counts once, even if it is reported twice."""

    usage = NOTHING
    own = NOTHING  # of it, what was spent other than for calls to models
    _counted: tuple[Usage, ...] = ()

    def __init__(self, spending: RunMeter) -> None:
        self._spending = spending

    def add(self, usage: Usage, *, own: bool = False) -> None:
        """Count it, unless this very value was counted before. `own`: it was not spent for a call to a model."""
        if usage is NOTHING or any(counted is usage for counted in self._counted):
            return
        self._counted += (usage,)
        if own:
            self.own = self.own + usage
        self.usage = usage if self.usage is NOTHING else self.usage + usage
        self._spending.spend(usage, own=own)


class TaskContext:
    """See `nika_core.plugin.StepContext`. `close` ends it: its step's `run` has ended, or is no longer waited for."""

    _closed = False
    _calls: Counter[str] | None = None
    _stream: MaskedStream | None = None
    _approvals: Approvals | None = None
    _conversations: Conversations | None = None

    def __init__(
        self,
        services: TaskServices,
        call: TaskCall,
        keyword: BoundKeyword,
        attempt: int,
        timeout: float,
        meter: UsageMeter,
        depth: int = 0,
        beat: Callable[[], None] | None = None,
        tool_call: str = "",
        within: tuple[str, ...] = (),
        waits: dict[object, str] | None = None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._services = services
        self._meter = meter
        self.task_call = call
        self.keyword = keyword
        self.attempt = attempt
        self.timeout = timeout
        self.depth = depth
        self._tool_call = tool_call  # which call of which call of a tool this is; "": the task's own step
        self._numbers = numbers  # of requests to models; None: from 1 on
        self.within = within  # the tools by way of which it runs, the outermost first
        self.waits = {} if waits is None else waits  # why its calls to models, and its tools', wait to be sent
        self.offered: dict[str, list[str]] = {}  # the entries by which each tool was offered
        self._beat = beat  # takes a sign of life; None: nobody measures
        self.run_id = call.run_id
        self.task_id: str = call.node
        self.key = call.key
        self.folder = _path(call.folder)
        self.output = call.output
        self.messages = call.messages
        self.agent = call.agent
        self.sections: Mapping[str, Json] = call.sections
        self.signals: Mapping[str, Json] = call.signals
        self.settings = keyword.settings
        self.max_output = keyword.max_output if keyword.max_output is not None else _UNBOUNDED
        self.max_json_depth = call.limits.counts.get(LimitKind.JSON_DEPTH) or DEFAULT_JSON_DEPTH
        self.environ = services.environ
        self.env: Mapping[str, str] = call.env
        self.clock = services.clock
        trace = services.trace
        self.traceparent = "" if trace is None else trace.traceparent(call.node, call.epoch, attempt)
        traced = {"TRACEPARENT": self.traceparent} if self.traceparent else {}
        self.task_env: Mapping[str, str] = {"NIKA_TASK_KEY": call.key, **traced}

    def mask(self, text: str) -> str:
        self._require_open()
        return self._services.reporter.mask(text)

    def secret(self, value: str) -> bool:
        self._require_open()
        return checked_secret(value, self.keyword.spec.name, self._services.reporter.add_secrets)

    async def fetch_secret(self, name: str) -> str:
        self._require_open()
        return await self._services.late.secret(name)

    def heartbeat(self) -> None:
        self._require_open()
        self._alive()

    def emit_text(self, text: str) -> None:
        self._require_open()
        self._alive()
        self._show_text(text)

    def notice(self, message: str, *, kind: str = EventKind.NOTICE, data: JsonObject | None = None) -> None:
        self._require_open()
        self._alive()
        word = self.keyword.spec.name
        kind = checked_kind(kind, word, data)
        self._services.reporter.notice(message, self.task_id, kind, checked_data(data, word, self.max_json_depth))

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        self._require_open()
        self._alive()
        data: dict[str, Any] = checked_progress(done, total, self.keyword.spec.name)
        if self._services.reporter.watched:
            self._services.reporter.show_progress(
                self.task_id, {**data, "text": shorten(self._services.reporter.mask(str(text)), _LONGEST_PROGRESS)}
            )

    @property
    def saved(self) -> Json:
        self._require_open()
        state: Json = fork(saved_state(self._services.call_cache, self.key))
        return state

    async def save(self, state: Json) -> None:
        self._require_open()
        self._alive()
        services, word = self._services, self.keyword.spec.name
        text = save_state(services.call_cache, self.key, state, self.max_json_depth, word)
        if services.reporter.mask(text) != text:
            services.reporter.notice(
                f"what `{word}` saves has a secret in it: it is kept for this process only", self.task_id
            )
        await services.reporter.barrier()

    async def resource(self, key: str, open_: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        self._require_open()
        return await self._services.resources.get((self.keyword.distribution, key), open_)

    async def model(self, request: ModelRequest) -> ModelInfo:
        self._require_open()
        return await self._services.caller.model(request, self.agent)

    async def complete(self, request: ModelRequest) -> ModelReply:
        self._require_open()
        self._alive()
        reported: list[Usage] = []
        begun = self.clock.monotonic()
        asked = self.conversations.asked(request)

        def on_usage(usage: Usage) -> None:
            reported.append(usage)
            self._meter.add(usage)

        try:
            reply = await self._services.caller.complete(request, self._scope(on_usage))
        except TaskError as error:
            if not reported and isinstance(error.usage, Usage):
                self._meter.add(error.usage)
            error.usage = None  # counted: whoever catches it and raises another one must not count it again
            raise
        finally:
            self.flush()
        if not reported and not reply.reused:
            self._meter.add(reply.usage)
        self.conversations.answered(asked, reply, self.clock.monotonic() - begun)
        return reply

    async def ask(self, question: Question) -> Json:
        self._require_open()
        self._alive()
        services, word = self._services, self.keyword.spec.name
        asked = checked_question(question, services.reporter, self.max_json_depth, word)
        if services.answer is not None:
            return checked_reply(asked, services.answer(self.task_id, asked), self.max_json_depth, word)
        about = question_json(asked, self._tool_call)
        key = about["digest"]
        if key in self.signals:
            return checked_reply(asked, self.signals[key], self.max_json_depth, word)
        call = self.task_call
        arrived = services.arrived(call.node, Awaited(key, identity_in(call.key), call.epoch))
        if arrived is not None:  # as in a run that is resumed with the answer: the step need not begin again
            services.report(arrived)
            await services.reporter.barrier()
            return checked_reply(asked, arrived.payload, self.max_json_depth, word)
        wait = WaitFor(
            key,
            about,
            seconds=asked.seconds,
            patience=None if services.attended else 0.0,
            default=asked.default,
            has_default=asked.has_default,
            content_key=True,
        )
        raise suspended(wait, self.task_call, self.clock.time(), self.max_json_depth)

    async def tools(self) -> Sequence[Tool]:
        self._require_open()
        return await find_tools(self._services, self)

    async def call(self, tool: Tool, arguments: JsonObject, *, fresh: bool = False) -> ToolResult:
        self._require_open()
        self._alive()
        result = await call_tool(self._services, self, tool, arguments, fresh=fresh)
        self._alive()
        return result

    # ---- for the engine

    def close(self) -> None:
        """End it: show what a stream held back; whatever uses it from now on is told so."""
        self.flush()
        self._closed = True

    def flush(self) -> None:
        """Show what a stream held back, since nothing follows."""
        rest = "" if self._stream is None else self._stream.flush()
        if rest:
            self._services.reporter.show_text(self.task_id, rest)

    @property
    def approvals(self) -> Approvals:
        """The tool calls that a person is asked about."""
        if self._approvals is None:
            self._approvals = Approvals(self._services, self)
        return self._approvals

    @property
    def conversations(self) -> Conversations:
        """What it tells of its requests to models."""
        if self._conversations is None:
            services = self._services
            self._conversations = Conversations(
                services.reporter, self.task_id, self.within, self._numbers, services.answered
            )
        return self._conversations

    def child(
        self, keyword: BoundKeyword, key: str, timeout: float, call: str = "", within: tuple[str, ...] = ()
    ) -> TaskContext:
        """Return the context of another keyword's step that runs inside this task as a tool, for the call `call`.

        Args:
            within: the tools by way of which it runs, the outermost first.
        """
        messages = self.messages if keyword.spec.category is KeywordCategory.CONTEXT else ()
        task_call = self.task_call._replace(keyword=keyword.spec.name, key=key, payload={}, messages=messages)
        path = f"{self._tool_call}/{call}" if self._tool_call else call
        return TaskContext(
            self._services,
            task_call,
            keyword,
            self.attempt,
            timeout,
            self._meter,
            self.depth + 1,
            self._beat,
            path,
            within,
            self.waits,
            self.conversations.numbers,
        )

    def count(self, usage: object) -> None:
        """Count what was spent other than through `complete`; what is not usage is not counted."""
        with contextlib.suppress(TaskError):
            self._meter.add(checked_usage(usage, self.keyword.spec.name), own=True)

    def replay(self, kind: str, data: Mapping[str, Any], usage: Usage = NOTHING) -> None:
        """Report a call as it was recorded, and count what it had used."""
        self._meter.add(usage)
        self._services.reporter.emit(kind, self.task_id, data)

    def occurrence(self, call: str) -> int:
        """Return how often this very call was made in this attempt before: tells equal calls apart, in any order."""
        if self._calls is None:
            self._calls = Counter()
        self._calls[call] += 1
        return self._calls[call] - 1

    def _alive(self) -> None:
        if self._beat is not None:
            self._beat()

    def _require_open(self) -> None:
        if self._closed:
            word = self.keyword.spec.name
            raise TaskError(
                f"keyword `{word}` used the context of `{self.task_id}` after its `run` had ended",
                category=Category.UNKNOWN,
                hint="a step neither keeps its context nor leaves tasks running: await, or cancel and await, "
                "everything that `run` starts; this is a fault of the plugin",
            )

    def _show_text(self, text: str) -> None:
        reporter = self._services.reporter
        if self._closed or not reporter.watched:
            return
        if self._stream is None:
            self._stream = reporter.mask_stream()
        shown = reporter.mask(text) if self._stream is None else self._stream.feed(text)
        if shown:
            reporter.show_text(self.task_id, shown)

    def _tell_breaker(self, model: str, provider: str, before: str, state: str) -> None:
        data = {"model": model, "provider": provider, "before": before, "state": state}
        self._services.reporter.emit(EventKind.BREAKER_CHANGED, self.task_id, data)

    def _scope(self, on_usage: Callable[[Usage], None]) -> CallScope:
        def on_wait(cause: str) -> None:
            if cause:
                self.waits[on_wait] = cause
            else:
                self.waits.pop(on_wait, None)

        return CallScope(
            run_id=self.run_id,
            task_id=self.task_id,
            key=self.key,
            attempt=self.attempt,
            keyword=self.keyword.spec.name,
            workflow=self.task_call.workflow,
            agent=self.agent,
            on_text=self._show_text if self._services.reporter.watched else None,
            on_usage=on_usage,
            call_cache=self._services.call_cache,
            notice=lambda message: self._services.reporter.notice(message, self.task_id),
            barrier=self._services.reporter.barrier,
            signals=self.signals,
            budgets=self.task_call.budgets,
            heartbeat=self._beat,
            on_wait=on_wait,
            on_breaker=self._tell_breaker,
        )
