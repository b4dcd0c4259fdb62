"""The core's values as JSON and back: states, outcomes, waits, what a group keeps, and events for a replay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.engine.core.messages import (
    Action,
    AgentDecision,
    AttemptFailed,
    AttemptStarted,
    CancelRequested,
    CoreEvent,
    Outcome,
    Signal,
    TaskEnded,
    TaskWaits,
    TimerFired,
    Wait,
)
from nika_core.model.codec import failure_of, message_json, message_of, usage_json, usage_of
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.large_values import value_of
from nika_core.model.state import (
    Cancelled,
    Failed,
    Failure,
    Pending,
    Ready,
    Running,
    Skipped,
    SkipReason,
    Success,
    TaskResult,
    TaskState,
    Waiting,
)
from nika_core.model.usage import NOTHING

# ---- values


def state_json(state: TaskState) -> JsonObject:
    """Return a node's state as JSON."""
    match state:
        case Pending():
            return {"is": "pending"}
        case Ready(epoch):
            return {"is": "ready", "epoch": epoch}
        case Running(epoch, attempt):
            return {"is": "running", "epoch": epoch, "attempt": attempt}
        case Waiting(epoch):
            return {"is": "waiting", "epoch": epoch}
        case Success():
            return {"is": "success"}
        case Failed(can_retry):
            return {"is": "failed", "canRetry": can_retry}
        case Cancelled():
            return {"is": "cancelled"}
        case Skipped(reason):
            return {"is": "skipped", "reason": reason.value}


def state_of(data: JsonObject) -> TaskState:
    """Return the state that `state_json` wrote."""
    match data["is"]:
        case "ready":
            return Ready(data["epoch"])
        case "running":
            return Running(data["epoch"], data["attempt"])
        case "waiting":
            return Waiting(data["epoch"])
        case "success":
            return Success()
        case "failed":
            return Failed(data["canRetry"])
        case "cancelled":
            return Cancelled()
        case "skipped":
            return Skipped(SkipReason(data["reason"]))
        case _:
            return Pending()


def outcome_json(outcome: Outcome) -> JsonObject:
    """Return as JSON how one epoch of a node ended; keys without a value are left out."""
    found: dict[str, Any] = {"attempts": outcome.attempts, "duration": outcome.duration}
    if (output := value_of(outcome.output)) is not None:
        found["output"] = output
    if outcome.has_output:
        found["hasOutput"] = True
    if outcome.failure:
        found["failure"] = outcome.failure.as_json()
    if outcome.usage != NOTHING:
        found["usage"] = usage_json(outcome.usage)
    if outcome.messages:
        found["messages"] = [message_json(message) for message in outcome.messages]
    return found | {flag: True for flag in ("truncated", "withheld", "declined") if getattr(outcome, flag)}


def outcome_of(data: JsonObject) -> Outcome:
    """Return the outcome that `outcome_json` wrote."""
    return Outcome(
        data.get("output"),
        data.get("hasOutput", False),
        failure_of(data["failure"]) if data.get("failure") else None,
        data["attempts"],
        data["duration"],
        usage_of(data["usage"]) if "usage" in data else NOTHING,
        tuple(message_of(message) for message in data.get("messages", ())),
        data.get("truncated", False),
        data.get("withheld", False),
        data.get("declined", False),
    )


def kept_result_json(result: TaskResult) -> JsonObject:
    """Return as JSON what a group keeps of an item or a round."""
    values: dict[str, Json] = {"id": result.id, "keyword": result.keyword, "state": result.state}
    values |= {"attempts": result.attempts, "duration": result.duration, "usage": usage_json(result.usage)}
    if result.failure is not None:
        values["failure"] = result.failure.as_json()
    if result.skip_reason is not None:
        values["skipReason"] = result.skip_reason.value
    if result.key is not None:
        values["key"] = result.key
    if result.truncated:
        values["truncated"] = True
    if result.reused:
        values["reused"] = True
    if result.children_kind:
        values["childrenKind"] = result.children_kind
        values["children"] = [kept_result_json(child) for child in result.children]
    return values


def kept_result_of(data: JsonObject) -> TaskResult:
    """Return the result that `result_json` wrote."""
    return TaskResult(
        data["id"],
        data["keyword"],
        data["state"],
        data["attempts"],
        data["duration"],
        truncated=data.get("truncated", False),
        usage=usage_of(data["usage"]),
        failure=failure_of(data["failure"]) if "failure" in data else None,
        skip_reason=SkipReason(data["skipReason"]) if "skipReason" in data else None,
        reused=data.get("reused", False),
        key=data.get("key"),
        children_kind=data.get("childrenKind", ""),
        children=tuple(kept_result_of(child) for child in data.get("children", ())),
    )


def wait_json(wait: Wait) -> JsonObject:
    """Return as JSON what a node waits for."""
    values: dict[str, Json] = {"key": wait.key, "about": wait.about, "deadline": wait.deadline}
    values["patience"] = wait.patience
    if wait.content_key:
        values["contentKey"] = True
    return {**values, "default": wait.default} if wait.has_default else values


def wait_of(data: JsonObject) -> Wait:
    """Return the wait that `wait_json` wrote."""
    default, has_default = data.get("default"), "default" in data
    content_key = data.get("contentKey", False)
    return Wait(data["key"], data["about"], data["deadline"], data["patience"], default, has_default, content_key)


# ---- events

_EVENTS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        TaskEnded,
        TaskWaits,
        Signal,
        AttemptFailed,
        AttemptStarted,
        AgentDecision,
        TimerFired,
        CancelRequested,
    )
}
_WRITE: Final[Mapping[str, Any]] = {
    "outcome": outcome_json,
    "failure": Failure.as_json,
    "usage": usage_json,
    "wait": wait_json,
}
_READ: Final[Mapping[str, Any]] = {
    "outcome": outcome_of,
    "failure": failure_of,
    "usage": usage_of,
    "action": Action,
    "wait": wait_of,
    "node": NodeId,
}


def core_event_json(event: CoreEvent) -> JsonObject:
    """Return one event as JSON, for a history that is replayed."""
    names = event._fields if isinstance(event, TaskEnded) else type(event).__slots__
    values = {name: getattr(event, name) for name in names}
    written = {name: _WRITE[name](value) if name in _WRITE else value for name, value in values.items()}
    return {"is": type(event).__name__, **written}


def core_event_of(data: JsonObject) -> CoreEvent:
    """Return the event that `core_event_json` wrote."""
    values = {name: value for name, value in data.items() if name != "is"}
    read = {name: _READ[name](value) if name in _READ else value for name, value in values.items()}
    event: CoreEvent = _EVENTS[data["is"]](**read)
    return event
