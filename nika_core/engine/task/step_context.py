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
from nika_core.model.events import EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock, KeywordCategory
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest, Tool, ToolOutcome

T = TypeVar("T")


class UsageMeter:
    """What one task has used, over all its attempts. Each usage counts once, whoever tells it."""

    usage = NOTHING
    _counted: tuple[Usage, ...] = ()

    def __init__(self, scene: RunContext) -> None:
        self._scene = scene

    def add(self, usage: Usage) -> None:
        """Count it, unless this very value was counted before."""
        if usage is NOTHING or any(known is usage for known in self._counted):
            return
        self._counted += (usage,)
        self.usage = self.usage + usage
        self._scene.spend(usage)


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
    word: BoundKeyword
    _scene: RunContext

    _calls: Counter[str] | None = None
    _stream: MaskedStream | None = None

    def __init__(self, call: TaskCall, attempt: int, timeout: float, tally: UsageMeter, depth: int = 0) -> None:
        self.call_ = call
        self.attempt = attempt
        self.timeout = timeout
        self._tally = tally
        self.depth = depth
        self.task_id = call.task.id
        self.key = call.key
        self.output = call.task.output
        self.messages = call.messages

    def mask(self, text: str) -> str:
        return self._scene.services.mask(text)

    def chunk(self, text: str) -> None:
        make = self._scene.services.mask_stream
        if make is not None:
            if self._stream is None:
                self._stream = make()
            text = self._stream.feed(text)
        if text:
            self._scene.chunk(self.task_id, text)

    def notice(self, message: str, *, kind: EventKind = EventKind.NOTICE, data: JsonObject | None = None) -> None:
        self._scene.notice(message, self.task_id, kind, data)

    async def resource(self, key: str, open_: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        found: T = await self._scene.resources.get(key, open_)
        return found

    async def model(self, request: ModelRequest) -> ModelInfo:
        return await self._scene.services.caller.model(request, self.agent)

    async def complete(self, request: ModelRequest) -> ModelReply:
        told: list[Usage] = []

        def on_usage(usage: Usage) -> None:
            told.append(usage)
            self._tally.add(usage)

        try:
            reply = await self._scene.services.caller.complete(request, self._scope(on_usage))
        except TaskError as error:
            if not told and isinstance(error.usage, Usage):
                self._tally.add(error.usage)
            error.usage = None  # counted: whoever catches it and raises another one must not count it again
            raise
        finally:
            self.flush()
        if not told and not reply.reused:
            self._tally.add(reply.usage)
        data: dict[str, Any] = {"model": reply.model, "usage": usage_json(reply.usage), "stopReason": reply.stop_reason}
        if reply.reused:
            data["reused"] = True
        self._scene.tell(EventKind.MODEL_CALLED, self.task_id, data)
        return reply

    async def tools(self) -> Sequence[Tool]:
        return await find_tools(self._scene, self)

    async def call(self, tool: Tool, arguments: JsonObject) -> ToolOutcome:
        return await call_tool(self._scene, self, tool, arguments)

    # ---- for the engine

    def flush(self) -> None:
        """Show what a stream held back, since nothing follows."""
        rest = "" if self._stream is None else self._stream.flush()
        if rest:
            self._scene.chunk(self.task_id, rest)

    def child(self, word: BoundKeyword, key: str, timeout: float) -> TaskContext:
        """For another keyword's step that runs inside this task as a tool."""
        messages = self.messages if word.keyword.category is KeywordCategory.CONTEXT else ()
        call = TaskCall(self.call_.task, self.call_.epoch, key, {}, messages)
        return context_class(self._scene, word)(call, self.attempt, timeout, self._tally, self.depth + 1)

    def count(self, usage: object) -> None:
        """What was spent other than through `complete`."""
        if isinstance(usage, Usage):
            self._tally.add(usage)

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
            keyword=self.word.keyword.name,
            workflow=self._scene.request.workflow.name,
            agent=self.agent,
            on_text=self.chunk,
            on_usage=on_usage,
            memo=self._scene.services.memo,
            notice=self.notice,
            barrier=self._scene.barrier,
        )


def context_class(scene: RunContext, word: BoundKeyword) -> type[TaskContext]:
    """What all tasks of a keyword share in one run, as a class: a context is made for every attempt of every task."""
    found = scene.contexts.get(word.keyword.name)
    if found is None:
        request = scene.request
        shared = {
            "_scene": scene,
            "word": word,
            "run_id": request.run_id,
            "folder": scene.folder,
            "max_output": word.max_output if word.max_output is not None else 2**53,
            "max_json_depth": scene.max_depth,
            "agent": scene.agent,
            "settings": word.settings,
            "sections": request.workflow.sections,
            "environ": request.environ,
            "clock": scene.clock,
        }
        found = scene.contexts[word.keyword.name] = type("TaskContext", (TaskContext,), shared)
    return found
