"""What steps and models give back, as JSON for a recording, and from it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nika_core import codes
from nika_core.engine.llm.replies import reply_json, reply_of
from nika_core.engine.task.model_events import model_called
from nika_core.engine.task.tape import TapedContext
from nika_core.errors import Category, TaskError, UsageError
from nika_core.model.codec import message_json, message_of, usage_json, usage_of
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Declined, ModelReply, StepOutput
from nika_core.values import replace

_DECLINED: Final = "declined"


def returned_json(returned: Any) -> JsonObject:
    """Return what a step returned as JSON."""
    if isinstance(returned, Declined):
        return {_DECLINED: True}
    if not isinstance(returned, StepOutput):
        return {"output": returned}
    found: dict[str, Any] = {"output": returned.value}
    if returned.original_bytes is not None:
        found["originalBytes"] = returned.original_bytes
    if returned.messages:
        found["messages"] = [message_json(message) for message in returned.messages]
    if returned.usage != NOTHING:
        found["usage"] = plain_usage(returned.usage)
    return found


def error_json(error: TaskError) -> JsonObject:
    """Return how an attempt failed as JSON."""
    found: dict[str, Any] = {"category": error.category.value, "code": error.code, "message": error.message}
    if error.hint:
        found["hint"] = error.hint
    if error.output is not None:
        found["output"] = error.output
    if error.retriable != error.category.retried:
        found["retriable"] = error.retriable
    return {"error": found}


def model_json(reply: ModelReply) -> JsonObject:
    """Return a model's reply as JSON."""
    found = {**reply_json(reply), "usage": plain_usage(reply.usage)}
    if reply.provider:
        found["provider"] = reply.provider
    return found


def plain_usage(usage: Usage) -> JsonObject:
    """Return a usage without what is nothing."""
    return {name: value for name, value in usage_json(usage).items() if value not in ("0", [], 0)}


def replay_calls(calls: Sequence[JsonObject], context: TapedContext) -> None:
    """Report the calls that a step had made, and count what they had used. Raise UsageError."""
    for call in calls:
        if "tool" in call:
            data = {"tool": call["tool"], "arguments": call["arguments"], "isError": bool(call.get("isError"))}
            context.replay(EventKind.TOOL_CALLED, {**data, "durationMs": 0.0})
        else:
            reply = recorded_reply({**call["gave"], "model": call["model"]})
            context.replay(EventKind.MODEL_CALLED, model_called(reply, 0.0), reply.usage)


def recorded_reply(found: JsonObject) -> ModelReply:
    """Return a recorded reply. Raise UsageError if it is not a recorded one."""
    reply = reply_of(found)
    if reply is None:
        raise UsageError("what a model gave cannot be read", code=codes.BAD_RECORDING)
    return replace(reply, reused=False, provider=str(found.get("provider", "")))


def returned_of(found: JsonObject) -> Any:
    """Return what a step had returned. Raise TaskError if its attempt had failed."""
    error = found.get("error")
    if isinstance(error, Mapping):
        raise TaskError(
            error["message"],
            category=Category(error["category"]),
            code=error.get("code"),
            hint=error.get("hint"),
            output=error.get("output"),
            retriable=error.get("retriable"),
        )
    if found.get(_DECLINED):
        return Declined()
    messages = tuple(message_of(message) for message in found.get("messages", ()))
    return StepOutput(found["output"], found.get("originalBytes"), messages, usage_of(found.get("usage")))
