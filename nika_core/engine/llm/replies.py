"""Replies as JSON and back, and the name under which one is kept, so that nothing is paid for twice."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Final

from nika_core.engine.core.hashing import digest
from nika_core.model.codec import usage_json, usage_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import ToolCall
from nika_core.plugin import ModelReply, ModelRequest

_PREFIX: Final = "model"


def call_name(asked: dict[str, int], provider: str, request: ModelRequest) -> str:
    """Return the name of a call by what it asks: the n-th time that one run of a step asks exactly the same.

    Independent of the order in which parallel calls come back, and a call whose question has changed has no name that
    was there before.

    Args:
        asked: how often each question was asked; counts this one.
        request: as the task means it, before anything that depends on the state of the budgets.
    """
    question = digest([provider, asdict(replace(request, key=""))])
    asked[question] = asked.get(question, 0) + 1
    return f"{_PREFIX}:{question}:{asked[question]}"


def reply_json(reply: ModelReply) -> JsonObject:
    """As the call cache keeps it."""
    return {
        "text": reply.text,
        "toolCalls": [asdict(call) for call in reply.tool_calls],
        "stopReason": reply.stop_reason,
        "usage": usage_json(reply.usage),
        "model": reply.model,
        "state": reply.state,
    }


def reply_of(found: Json) -> ModelReply | None:
    """The other way round, `reused` set; None where it is no reply (an older form, a foreign hand)."""
    if not isinstance(found, dict):
        return None
    try:
        return ModelReply(
            found["text"],
            tuple(ToolCall(**call) for call in found["toolCalls"]),
            found["stopReason"],
            usage_of(found["usage"]),
            found["model"],
            reused=True,
            state=found.get("state"),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def tokens_of(reply_text: str, tool_calls: tuple[ToolCall, ...] = ()) -> int:
    """An estimate where the provider gives no figures: UTF-8 bytes / 4, rounded up."""
    size = len(reply_text.encode("utf-8", "replace"))
    size += sum(len((call.name + call.raw).encode("utf-8", "replace")) for call in tool_calls)
    return math.ceil(size / 4)
