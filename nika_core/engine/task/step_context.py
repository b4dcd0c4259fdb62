"""What a running step is given: `StepContext` of the plugin interface, made for one attempt of one task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.ports import CallScope, MaskedStream
from nika_core.engine.local.run_context import BoundKeyword, RunContext
from nika_core.engine.task.tool_calls import call_tool, find_tools
from nika_core.errors import TaskError
from nika_core.model.clock import Clock
from nika_core.model.codec import usage_json
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock, KeywordCategory
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest, Tool, ToolResult

T = TypeVar("T")


class UsageMeter:
    """What one task has used, over all its attempts. Each usage counts once, whoever tells it."""

    usage = NOTHING
    _counted: tuple[Usage, ...] = ()

    def __init__(self, run: RunContext) -> None:
        self._run = run

    def add(self, usage: Usage) -> None:
        """Count it, unless this very value was counted before."""
        if usage is NOTHING or any(known is usage for known in self._counted):
            return
        self._counted += (usage,)
        self.usage = self.usage + usage
        self._run.spend(usage)


class TaskContext:
    """See `nika_core.plugin.StepContext`."""

    # The same for all tasks of one keyword in one run, and set once, on a subclass: see `context_class`.
    run_id: str
    folder: Path
    max_output: int
    max_json_depth: int
    agent: AgentBlock
    settings: JsonObject
    sections: Mapping[str, Json]
    environ: Mapping[str, str]
    clock: Clock
    keyword: BoundKeyword
    _run: RunContext

    _calls: Counter[str] | None = None
    _stream: MaskedStream | None = None

    def __init__(self, call: TaskCall, attempt: int, timeout: float, meter: UsageMeter, depth: int = 0) -> None:
        self.call_ = call
        self.attempt = attempt
        self.timeout = timeout
        self._meter = meter
        self.depth = depth
        self.task_id = call.task.id
        self.key = call.key
        self.output = call.task.output
        self.messages = call.messages

    def mask(self, text: str) -> str:
        return self._run.services.mask(text)

    def emit_text(self, text: str) -> None:
        run = self._run
        if not run.watched:
            return
        if run.services.mask_stream is not None:
            if self._stream is None:
                self._stream = run.services.mask_stream()
            text = self._stream.feed(text)
        elif run.masks:
            text = run.services.mask(text)
        self._show(text)

    def notice(self, message: str, *, kind: EventKind = EventKind.NOTICE, data: JsonObject | None = None) -> None:
        self._run.notice(message, self.task_id, kind, data)

    async def resource(self, key: str, open_: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        found: T = await self._run.resources.get(key, open_)
        return found

    async def model(self, request: ModelRequest) -> ModelInfo:
        return await self._run.services.caller.model(request, self.agent)

    async def complete(self, request: ModelRequest) -> ModelReply:
        reported: list[Usage] = []

        def on_usage(usage: Usage) -> None:
            reported.append(usage)
            self._meter.add(usage)

        try:
            reply = await self._run.services.caller.complete(request, self._scope(on_usage))
        except TaskError as error:
            if not reported and isinstance(error.usage, Usage):
                self._meter.add(error.usage)
            error.usage = None  # counted: whoever catches it and raises another one must not count it again
            raise
        finally:
            self.flush()
        if not reported and not reply.reused:
            self._meter.add(reply.usage)
        data: dict[str, Any] = {"model": reply.model, "usage": usage_json(reply.usage), "stopReason": reply.stop_reason}
        if reply.reused:
            data["reused"] = True
        self._run.emit(EventKind.MODEL_CALLED, self.task_id, data)
        return reply

    async def tools(self) -> Sequence[Tool]:
        return await find_tools(self._run, self)

    async def call(self, tool: Tool, arguments: JsonObject) -> ToolResult:
        return await call_tool(self._run, self, tool, arguments)

    # ---- for the engine

    def flush(self) -> None:
        """Show what a stream held back, since nothing follows."""
        if self._stream is not None:
            self._show(self._stream.flush())

    def _show(self, text: str) -> None:
        """To the observers only; best effort, never in history."""
        if text:
            self._run.show(Event(0, self.run_id, self.clock.time(), EventKind.CHUNK, self.task_id, {"text": text}))

    def child(self, keyword: BoundKeyword, key: str, timeout: float) -> TaskContext:
        """For another keyword's step that runs inside this task as a tool."""
        messages = self.messages if keyword.spec.category is KeywordCategory.CONTEXT else ()
        call = TaskCall(self.call_.task, self.call_.epoch, key, {}, messages)
        return context_class(self._run, keyword)(call, self.attempt, timeout, self._meter, self.depth + 1)

    def count(self, usage: object) -> None:
        """What was spent other than through `complete`."""
        if isinstance(usage, Usage):
            self._meter.add(usage)

    def occurrence(self, call: str) -> int:
        """How often this very call was made in this attempt before: tells equal calls apart, in any order."""
        if self._calls is None:
            self._calls = Counter()
        self._calls[call] += 1
        return self._calls[call] - 1

    def _scope(self, on_usage: Callable[[Usage], None]) -> CallScope:
        return CallScope(
            run_id=self.run_id,
            task_id=self.task_id,
            key=self.key,
            attempt=self.attempt,
            keyword=self.keyword.spec.name,
            workflow=self._run.request.workflow.name,
            agent=self.agent,
            on_text=self.emit_text,
            on_usage=on_usage,
            call_cache=self._run.services.call_cache,
            notice=self.notice,
            barrier=self._run.barrier,
        )


def context_class(run: RunContext, keyword: BoundKeyword) -> type[TaskContext]:
    """What all tasks of a keyword share in one run, as a class: a context is made for every attempt of every task."""
    found = run.contexts.get(keyword.spec.name)
    if found is None:
        request = run.request
        shared = {
            "_run": run,
            "keyword": keyword,
            "run_id": request.run_id,
            "folder": run.folder,
            "max_output": keyword.max_output if keyword.max_output is not None else 2**53,
            "max_json_depth": run.max_depth,
            "agent": run.agent,
            "settings": keyword.settings,
            "sections": request.workflow.sections,
            "environ": request.environ,
            "clock": run.clock,
        }
        found = run.contexts[keyword.spec.name] = type("TaskContext", (TaskContext,), shared)
    return found
