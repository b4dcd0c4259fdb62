"""A context whose model plays a list of replies, beside the seam that a step has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nika_core.errors import TaskError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.events import EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message, ToolCall, ToolSpec, parts_of
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock, OutputSpec
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest, Tool, ToolResult


def said(text: str = "", *calls: ToolCall, stop: str = "") -> ModelReply:
    """A reply with a text and tool calls."""
    return ModelReply((*parts_of(text), *calls), stop or ("toolUse" if calls else "end"), Usage(5, 3, calls=1), "m")


class ScriptedContext:
    """`replies` are given in order (an exception is raised); `requests` has what was asked."""

    run_id = "run"
    task_id = "task"
    key = "run/task#1"
    attempt = 1
    timeout = 60.0
    max_output = 100_000
    max_json_depth = 10
    clock: Clock = SystemClock()

    def __init__(self, folder: Path, *replies: ModelReply | Exception) -> None:
        self.settings: JsonObject = {}
        self.sections: Mapping[str, Json] = {}
        self.environ: Mapping[str, str] = {}
        self.folder = folder
        self.replies = list(replies)
        self.requests: list[ModelRequest] = []
        self.output = OutputSpec()
        self.agent = AgentBlock(model="m")
        self.messages: tuple[Message, ...] = ()
        self.info = ModelInfo("m")
        self.offered: list[Tool] = []
        self.called: list[tuple[str, JsonObject]] = []
        self.told: list[tuple[EventKind, str, JsonObject | None]] = []
        self.on_call: Callable[[Tool, JsonObject], Any] | None = None

    def mask(self, text: str) -> str:
        return text

    def emit_text(self, text: str) -> None: ...

    def notice(self, message: str, *, kind: EventKind = EventKind.NOTICE, data: JsonObject | None = None) -> None:
        self.told.append((kind, message, data))

    async def resource(self, key: str, open_: Any) -> Any:
        raise NotImplementedError

    async def model(self, request: ModelRequest) -> ModelInfo:
        return self.info

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def tools(self) -> Sequence[Tool]:
        return self.offered

    async def call(self, tool: Tool, arguments: JsonObject) -> ToolResult:
        self.called.append((tool.name, arguments))
        if self.on_call is not None:
            outcome = self.on_call(tool, arguments)
            if isinstance(outcome, TaskError):
                raise outcome
            return await outcome if hasattr(outcome, "__await__") else outcome  # type: ignore[no-any-return]  # the test's own
        return ToolResult(f"{tool.name} says hi")


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., ScriptedContext]:
    """Makes a context that plays the given replies."""

    def make(*replies: ModelReply | Exception, **attributes: Any) -> ScriptedContext:
        made = ScriptedContext(tmp_path, *replies)
        for name, value in attributes.items():
            setattr(made, name, value)
        return made

    return make


@pytest.fixture
def reply() -> Callable[..., ModelReply]:
    return said


@pytest.fixture
def weather() -> Tool:
    """A tool with one argument."""
    schema = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
    return Tool("mcp::sky::weather", "mcp", ToolSpec("weather", "The weather", schema), lambda arguments: arguments)
