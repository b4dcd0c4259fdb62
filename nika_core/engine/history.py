"""How tasks ended in an earlier life of a run, read from its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from nika_core.errors import Category
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message, Role, ToolCall
from nika_core.model.state import Failure, SkipReason
from nika_core.model.usage import NOTHING, Usage

_COUNTED: Final = ("attempt", "attempts", "delay", "durationMs", "epoch", "tasks")


@dataclass(frozen=True, slots=True)
class Earlier:
    """How a task stood when its run ended, was interrupted or was killed.

    `state`: success, failed, skipped or running (it had started, and nobody knows how it ended). Hashes are "" where
    they are not known. `withheld`: its output held a secret, which history does not keep. `lost`: history has kept it,
    and it is no longer there, or damaged.
    """

    state: str
    epoch: int = 1
    definition: str = ""
    payload: str = ""
    output: Json = None
    truncated: bool = False
    withheld: bool = False
    lost: bool = False
    attempts: int = 0
    duration: float = 0.0
    usage: Usage = NOTHING
    messages: tuple[Message, ...] = ()
    category: Category | None = None


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


_ENDS: Final = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "success",
    EventKind.TASK_FAILED: "failed",
}
_UNKNOWN: Final = Earlier("failed", 0)


def earlier(events: Iterable[Event]) -> dict[str, Earlier]:
    """How each task stood after `events`, for `RunRequest.earlier`. A later word about a task takes the place of all
    before it; only a skip that nobody decided leaves what was known. The hashes come from `task.started`.
    """
    from nika_core.engine.models.spent import spent_by_task  # which reads usage with this module's functions

    events = tuple(events)
    found: dict[str, Earlier] = {}
    for event in events:
        if event.task is None:
            continue
        if event.kind is EventKind.TASK_STARTED:
            attempt, was = event.data.get("attempt", 1), found.get(event.task, _UNKNOWN)
            again = attempt > 1  # only the first one says what the task was given
            found[event.task] = Earlier(
                "running",
                event.data.get("epoch", 1),
                was.definition if again else event.data.get("definition", ""),
                was.payload if again else event.data.get("payload", ""),
                attempts=attempt,
            )
        elif event.kind is EventKind.TASK_SKIPPED:
            was = found.setdefault(event.task, Earlier("skipped", 0))
            if event.data.get("reason") == SkipReason.DECISION:
                found[event.task] = replace(was, state="skipped")
        elif event.kind in _ENDS:
            found[event.task] = _ended(_ENDS[event.kind], event.data, found.get(event.task, _UNKNOWN))
    spent = spent_by_task(events)
    return {task: replace(was, usage=spent[task]) if task in spent else was for task, was in found.items()}


def _ended(state: str, data: JsonObject, was: Earlier) -> Earlier:
    error = data.get("error")
    return Earlier(
        state,
        was.epoch,
        was.definition,
        was.payload,
        data.get("output"),
        data.get("truncated", False),
        data.get("withheld", False),
        "lost" in data,
        data.get("attempts", 0),
        data.get("durationMs", 0) / 1000,
        NOTHING,
        tuple(message_of(message) for message in data.get("messages", ())),
        Category(error["category"]) if error else None,
    )
