"""A conversation with a model, in a form that every provider can be given."""

from __future__ import annotations

from enum import StrEnum

from nika_core.model.json import JsonObject
from nika_core.values import dataclass, field


class Role(StrEnum):
    """The author of a message."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"  # the result of one tool call


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool.

    Attributes:
        id: the model's own name for this call; the answer repeats it.
        name: the tool's name.
        arguments: its arguments; None if what the model sent is not a JSON object.
        raw: what the model sent, if it is not a JSON object.
    """

    id: str
    name: str
    arguments: JsonObject | None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: the author of the message.
        content: the text.
        tool_calls: the tools that the model calls; only with `ASSISTANT`.
        tool_call_id: the call that this is the result of; only with `TOOL`.
        is_error: whether that call failed; only with `TOOL`.
        state: what the provider sent with the reply and wants back; only with `ASSISTANT`.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    is_error: bool = False
    state: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it.

    Attributes:
        name: of letters, digits, `_` and `-`, at most 64 characters.
        description: what it does, for the model.
        parameters: a JSON Schema of type object.
    """

    name: str
    description: str
    parameters: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
