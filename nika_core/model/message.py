"""A conversation with a model, in a form that every provider can be given."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nika_core.model.json import JsonObject


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"  # the result of one tool call


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool. `arguments` is None when what the model sent is no JSON object; then `raw` has it."""

    id: str
    name: str
    arguments: JsonObject | None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_calls` only with `ASSISTANT`; `tool_call_id` and `is_error` only with `TOOL`."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it. `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
