"""Usage, messages and failures as JSON, and back: one form, wherever they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from nika_core.errors import Category
from nika_core.model.json import JsonObject
from nika_core.model.message import Message, Role, ToolCall
from nika_core.model.state import Failure
from nika_core.model.usage import NOTHING, Usage

_COUNTED: Final = ("attempt", "attempts", "delay", "durationMs", "epoch", "tasks")


def usage_json(usage: Usage) -> JsonObject:
    """As it stands in events; cost as a decimal text, so that nothing is rounded."""
    found = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "costUsd": str(usage.cost_usd),
        "unpriced": list(usage.unpriced),
        "cachedTokens": usage.cached_tokens,
        "calls": usage.calls,
        "estimated": usage.estimated,
    }
    return {**found, "savedUsd": str(usage.saved_usd)} if usage.saved_usd else found


def usage_of(found: JsonObject | None) -> Usage:
    """The other way round."""
    if not found:
        return NOTHING
    return Usage(
        found.get("inputTokens", 0),
        found.get("outputTokens", 0),
        Decimal(found.get("costUsd", "0")),
        tuple(found.get("unpriced", ())),
        found.get("cachedTokens", 0),
        found.get("calls", 0),
        found.get("estimated", False),
        Decimal(found.get("savedUsd", "0")),
    )


def figures(data: JsonObject, mask: Callable[[str], str]) -> JsonObject:
    """What in an event's data the engine itself has counted: no secret, whatever its digits are."""
    found: dict[str, Any] = {name: data[name] for name in _COUNTED if isinstance(data.get(name), int | float)}
    usage = data.get("usage")
    if isinstance(usage, Mapping):
        found["usage"] = {**usage, "unpriced": [mask(model) for model in usage.get("unpriced", ())]}
    return found


def message_json(message: Message) -> JsonObject:
    """As it stands in events; keys without a value are left out."""
    found: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        found["toolCalls"] = [
            {"id": call.id, "name": call.name, "arguments": call.arguments, "raw": call.raw}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        found["toolCallId"] = message.tool_call_id
    if message.is_error:
        found["isError"] = True
    return found


def message_of(found: JsonObject) -> Message:
    """The other way round."""
    return Message(
        Role(found["role"]),
        found["content"],
        tuple(
            ToolCall(call["id"], call["name"], call.get("arguments"), call.get("raw", ""))
            for call in found.get("toolCalls", ())
        ),
        found.get("toolCallId"),
        found.get("isError", False),
    )


def failure_of(found: JsonObject) -> Failure:
    """A failure as `Failure.as_json` wrote it."""
    return Failure(found["code"], Category(found["category"]), found["message"], found.get("hint"))
