"""Usage, messages, failures, results and events as JSON, and what history keeps of them back: one form each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from nika_core.errors import Category
from nika_core.model.events import Event
from nika_core.model.json import JsonObject
from nika_core.model.message import (
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCall,
    ToolResultPart,
    parts_of,
)
from nika_core.model.state import Failure, RunResult, TaskResult
from nika_core.model.usage import NOTHING, Usage

_COUNTED: Final = ("attempt", "attempts", "deadline", "delay", "durationMs", "epoch", "items", "max", "tasks")


def usage_json(usage: Usage, *, exact: bool = True) -> JsonObject:
    """Return tokens and cost in US dollars; keys without a value are left out.

    Args:
        exact: cost as a decimal text, so that nothing is rounded, as history keeps it; False: as a number, and with
            the sum of all tokens, as the command line shows it.
    """
    found: dict[str, Any] = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "costUsd": str(usage.cost_usd) if exact else float(usage.cost_usd),
        "unpriced": list(usage.unpriced),
    }
    if not exact:
        found["totalTokens"] = usage.total_tokens
    if usage.cached_tokens:
        found["cachedTokens"] = usage.cached_tokens
    if usage.cache_write_tokens:
        found["cacheWriteTokens"] = usage.cache_write_tokens
    if usage.calls:
        found["calls"] = usage.calls
    if usage.estimated:
        found["estimated"] = True
    if usage.saved_usd:
        found["savedUsd"] = str(usage.saved_usd) if exact else float(usage.saved_usd)
    if usage.models:
        found["models"] = list(usage.models)
    return found


def usage_of(found: JsonObject | None) -> Usage:
    """Return the value of which this is the JSON. Raise ValueError if something in it is below zero."""
    if not found:
        return NOTHING
    usage = Usage(
        found.get("inputTokens", 0),
        found.get("outputTokens", 0),
        Decimal(found.get("costUsd", "0")),
        tuple(found.get("unpriced", ())),
        found.get("cachedTokens", 0),
        found.get("calls", 0),
        found.get("estimated", False),
        Decimal(found.get("savedUsd", "0")),
        found.get("cacheWriteTokens", 0),
        tuple(found.get("models", ())),
    )
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.calls, usage.cache_write_tokens)
    if min(counts) < 0 or usage.cost_usd < 0:
        raise ValueError("a usage is below zero")
    return usage


def figures(data: JsonObject, mask: Callable[[str], str]) -> JsonObject:
    """Return what in an event's data the engine itself has counted: no secret, whatever its digits are."""
    found: dict[str, Any] = {name: data[name] for name in _COUNTED if isinstance(data.get(name), int | float)}
    usage = data.get("usage")
    if isinstance(usage, Mapping):
        names = {key: [mask(model) for model in usage[key]] for key in ("unpriced", "models") if key in usage}
        found["usage"] = {**usage, "unpriced": [], **names}
    return found


def message_json(message: Message) -> JsonObject:
    """Return a message as it is in events and hashes: `content` is its text, or a list of parts if it is more."""
    if all(isinstance(part, TextPart) for part in message.parts) and len(message.parts) < 2:
        return {"role": message.role.value, "content": message.text}
    return {"role": message.role.value, "content": [part_json(part) for part in message.parts]}


def message_of(found: JsonObject) -> Message:
    """Return the value of which this is the JSON, or that of an earlier version, in which a message was one text."""
    role, content = Role(found["role"]), found["content"]
    if not isinstance(content, str):
        return Message(role, [part_of(part) for part in content])
    if "toolCallId" in found:
        return Message(role, [ToolResultPart(found["toolCallId"], content, found.get("isError", False))])
    return Message(role, parts_before_parts(content, found.get("toolCalls", ()), found.get("state")))


def parts_before_parts(text: str, tool_calls: Iterable[JsonObject], state: JsonObject | None) -> tuple[Part, ...]:
    """Return the parts of what an earlier version kept as a text, tool calls and a vendor's state."""
    reasoning = () if state is None else (ReasoningPart(state),)
    return (*reasoning, *parts_of(text), *(_call_of(call) for call in tool_calls))


def part_json(part: Part) -> JsonObject:
    """Return a part of a message; keys without a value are left out, and bytes are in base64."""
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ToolCall():
            call: dict[str, Any] = {"type": "toolCall", "id": part.id, "name": part.name, "arguments": part.arguments}
            return call | ({"raw": part.raw} if part.raw else {})
        case ToolResultPart():
            result = {"type": "toolResult", "callId": part.call_id, "text": part.text}
            return result | ({"isError": True} if part.is_error else {})
        case ReasoningPart():
            return {"type": "reasoning", "provider": part.provider, "data": part.data}
        case ImagePart() | DocumentPart():
            data = base64.b64encode(part.data).decode("ascii")
            kind = "image" if isinstance(part, ImagePart) else "document"
            file: dict[str, Any] = {"type": kind, "mediaType": part.media_type, "name": part.name, "data": data}
            return file | ({"pages": part.pages} if isinstance(part, DocumentPart) and part.pages else {})


def part_of(found: JsonObject) -> Part:
    """Return the value of which this is the JSON. Raise ValueError for a type that this version does not know."""
    match found["type"]:
        case "text":
            return TextPart(found["text"])
        case "toolCall":
            return _call_of(found)
        case "toolResult":
            return ToolResultPart(found["callId"], found["text"], found.get("isError", False))
        case "reasoning":
            return ReasoningPart(found["data"], found["provider"])
        case "image":
            return ImagePart(found["mediaType"], base64.b64decode(found["data"]), found["name"])
        case "document":
            data = base64.b64decode(found["data"])
            return DocumentPart(found["mediaType"], data, found["name"], found.get("pages", 0))
        case other:
            raise ValueError(f"a message has a part of type {other!r}, which this version does not know")


def _call_of(found: JsonObject) -> ToolCall:
    return ToolCall(found["id"], found["name"], found.get("arguments"), found.get("raw", ""))


def failure_of(found: JsonObject) -> Failure:
    """Return a failure as `Failure.as_json` wrote it."""
    return Failure(found["code"], Category(found["category"]), found["message"], found.get("hint"))


def task_json(task: TaskResult, *, read: bool = True) -> dict[str, Any]:
    """Return one entry of a result's `tasks`; keys that have no value are left out.

    A list has its `items`, a loop its `rounds` and an inner workflow its `tasks`, each in the same form.

    Args:
        read: whether large outputs are read; without them a `LargeValue` stands in the place of each.
    """
    found: dict[str, Any] = {"id": task.id, "keyword": task.keyword}
    if task.key is not None:
        found["key"] = task.key
    found |= {"state": task.state, "attempts": task.attempts, "durationMs": round(task.duration * 1000)}
    if task.has_output:
        found["output"] = task.output if read else task.kept_output
        found["truncated"] = task.truncated
    if task.usage != NOTHING:
        found["usage"] = usage_json(task.usage, exact=False)
    if task.failure is not None:
        found["error"] = task.failure.as_json()
    if task.skip_reason is not None:
        found["skipReason"] = task.skip_reason.value
    if task.state == "success" or task.reused:
        found["reused"] = task.reused
    if task.waits_for is not None:
        found["waitsFor"] = task.waits_for
    if task.children_kind:
        found[task.children_kind] = [task_json(child, read=read) for child in task.children]
    return found


def result_json(result: RunResult, *, read: bool = True) -> dict[str, Any]:
    """Return the one object of `run --format json`; `read` as for `task_json`."""
    found: dict[str, Any] = {
        "runId": result.run_id,
        "workflow": result.workflow,
        "status": result.status.value,
        "durationMs": round(result.duration * 1000),
    }
    if result.has_output:
        found["output"] = result.output
    if result.failure is not None:
        found["error"] = result.failure.as_json()
    if result.questions:
        from nika_core.model.question import open_question_json

        found["questions"] = [open_question_json(asked) for asked in result.questions]
    found["usage"] = usage_json(result.usage, exact=False)
    found["tasks"] = [task_json(task, read=read) for task in result.tasks]
    return found


def event_json(event: Event) -> JsonObject:
    """Return one line of `--format jsonl`, usage as in the result. `at` is in seconds; chunks have no `seq`."""
    found: dict[str, Any] = {"event": str(event.kind), "runId": event.run_id, "at": round(event.at, 3)}
    if event.seq:
        found["seq"] = event.seq
    if event.task is not None:
        found["task"] = event.task
    if event.data:
        usage = event.data.get("usage")
        found["data"] = {**event.data, "usage": usage_json(usage_of(usage), exact=False)} if usage else dict(event.data)
    return found
