"""A step's context beside the seam: what the step shows, asks and calls is kept for a test to look at."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from nika_core.engine.task.outputs import checked_json
from nika_core.errors import Category, TaskError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.events import EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.masking import Masker
from nika_core.model.message import Message
from nika_core.model.question import check_answer
from nika_core.model.workflow import AgentBlock, OutputSpec
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest, Question, Tool, ToolResult
from nika_core.testing.clock import ManualClock
from nika_core.testing.scripted import ScriptedModel
from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Notice:
    """A message of a step for the user."""

    message: str
    kind: str
    data: JsonObject | None


@dataclass(kw_only=True)
class FakeStepContext:
    """See `nika_core.plugin.StepContext`. Used with `async with` (or closed by `aclose`), it closes what the step
    opened as a resource.

    Attributes:
        secrets: values that `mask` replaces.
        stored_secrets: what `fetch_secret` returns, by name.
        scripted: the model that answers; None: there is no model.
        offered: the tools that the task may use.
        on_call: returns a tool's outcome (or raises); without it every tool answers "ok".
        chunks, notices, calls: the text and messages that the step showed, and the tools it called.
        reports: the arguments of each `progress`.
        heartbeats: how often the step called `heartbeat`.
        saved: what the step saved last; set it to what an earlier attempt has saved.
        answers: the answers to the questions that the step asks, in order; it ends when there are none.
        questions: what it asked.
        fresh_calls: the tools that it called with `fresh`, which are in `calls`, too.
    """

    run_id: str = "run-1"
    task_id: str = "task"
    key: str = "run-1/task#1"
    attempt: int = 1
    folder: Path = field(default_factory=Path.cwd)
    timeout: float = 60.0
    max_output: int = 1024 * 1024
    max_json_depth: int = 50
    output: OutputSpec = field(default_factory=OutputSpec)
    agent: AgentBlock = field(default_factory=AgentBlock)
    settings: JsonObject = field(default_factory=dict)
    sections: Mapping[str, Json] = field(default_factory=dict)
    signals: Mapping[str, Json] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    task_env: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=ManualClock)
    traceparent: str = ""
    secrets: Sequence[str] = ()
    stored_secrets: Mapping[str, str] = field(default_factory=dict)
    scripted: ScriptedModel | None = None
    offered: Sequence[Tool] = ()
    on_call: Callable[[Tool, JsonObject], ToolResult] | None = None
    chunks: list[str] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    calls: list[tuple[str, JsonObject]] = field(default_factory=list)
    reports: list[tuple[float, float | None, str]] = field(default_factory=list)
    heartbeats: int = 0
    saved: Json = None
    answers: list[Json] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    fresh_calls: list[tuple[str, JsonObject]] = field(default_factory=list)

    @classmethod
    def for_processes(cls, folder: Path, **attributes: Any) -> Self:
        """Return a context for a step that starts processes: real time, this environment, and a run of its own."""
        run = f"run-{uuid4().hex}"
        defaults = {"run_id": run, "key": f"{run}/task#1", "timeout": 30.0, "max_output": 100 * 1024}
        return cls(**{**defaults, "folder": folder, "environ": dict(os.environ), "clock": SystemClock(), **attributes})

    def __post_init__(self) -> None:
        self.task_env = self.task_env or {"NIKA_TASK_KEY": self.key}
        self._resources: dict[str, asyncio.Future[Any]] = {}
        self._owners: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    def mask(self, text: str) -> str:
        return Masker(self.secrets).text(text)

    def secret(self, value: str) -> bool:
        self.secrets = (*self.secrets, value)
        return self.mask(value) != value

    async def fetch_secret(self, name: str) -> str:
        if name not in self.stored_secrets:
            raise TaskError(f"there is no secret '{name}'", category=Category.CONFIG, hint="stored_secrets={...}")
        self.secret(self.stored_secrets[name])
        return self.stored_secrets[name]

    def heartbeat(self) -> None:
        self.heartbeats += 1

    def emit_text(self, text: str) -> None:
        self.chunks.append(text)

    def notice(self, message: str, *, kind: str = EventKind.NOTICE, data: JsonObject | None = None) -> None:
        self.notices.append(Notice(message, kind, data))

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        self.reports.append((done, total, text))

    async def save(self, state: Json) -> None:
        self.saved = checked_json(state, self.max_json_depth, "what is saved")

    async def model(self, request: ModelRequest) -> ModelInfo:
        return self._model().info

    async def complete(self, request: ModelRequest) -> ModelReply:
        reply = await self._model().take(request)
        if reply.text:
            self.emit_text(reply.text)
        return reply

    def _model(self) -> ScriptedModel:
        if self.scripted is None:
            raise TaskError("no provider is configured", category=Category.CONFIG, hint="scripted=ScriptedModel(...)")
        return self.scripted

    async def ask(self, question: Question) -> Json:
        self.questions.append(question)
        if not self.answers:
            raise TaskError("nobody answers", category=Category.CONFIG, hint="FakeStepContext(answers=[True])")
        return check_answer(question, self.answers.pop(0), self.max_json_depth)

    async def tools(self) -> Sequence[Tool]:
        return self.offered

    async def call(self, tool: Tool, arguments: JsonObject, *, fresh: bool = False) -> ToolResult:
        if fresh:
            self.fresh_calls.append((tool.name, arguments))
        self.calls.append((tool.name, arguments))
        return ToolResult("ok") if self.on_call is None else self.on_call(tool, arguments)

    # ---- resources: opened once per key, in a task of their own, as the kernel does it

    T = TypeVar("T")

    async def resource(self, key: str, open_: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        if key not in self._resources:
            ready = self._resources[key] = asyncio.get_running_loop().create_future()
            closing = asyncio.Event()
            self._owners.append((asyncio.create_task(self._own(key, open_, ready, closing)), closing))
        found: Any = await asyncio.shield(self._resources[key])
        return found  # type: ignore[no-any-return]  # what `open_` gave for this key

    async def _own(
        self,
        key: str,
        open_: Callable[[], AbstractAsyncContextManager[Any]],
        ready: asyncio.Future[Any],
        closing: asyncio.Event,
    ) -> None:
        try:
            async with open_() as opened:
                ready.set_result(opened)
                await closing.wait()
        except Exception as error:
            if ready.done():
                raise
            del self._resources[key]
            ready.set_exception(error)

    async def aclose(self) -> None:
        """Close what was opened, all at once as the end of a run does; what is asked for later is opened again."""
        owners, self._owners = self._owners, []
        self._resources.clear()
        for _, closing in reversed(owners):
            closing.set()
        for task, _ in owners:
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
