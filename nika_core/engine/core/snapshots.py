"""The parts of a core's snapshot, to JSON and back; and events, so that a history can be kept and replayed."""

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
    TaskEnded,
    TimerFired,
)
from nika_core.engine.core.run_plan import EarlyEnd
from nika_core.model.codec import failure_of, message_json, message_of, usage_json, usage_of
from nika_core.model.json import JsonObject
from nika_core.model.state import Failed, Pending, Ready, Running, RunStatus, Skipped, SkipReason, Success, TaskState


def state_json(state: TaskState) -> JsonObject:
    """A task's state."""
    match state:
        case Pending():
            return {"is": "pending"}
        case Ready(epoch):
            return {"is": "ready", "epoch": epoch}
        case Running(epoch, attempt, executor):
            return {"is": "running", "epoch": epoch, "attempt": attempt, "executor": executor}
        case Success():
            return {"is": "success"}
        case Failed(can_retry):
            return {"is": "failed", "canRetry": can_retry}
        case Skipped(reason):
            return {"is": "skipped", "reason": reason.value}


def state_of(found: JsonObject) -> TaskState:
    """The other way round."""
    match found["is"]:
        case "ready":
            return Ready(found["epoch"])
        case "running":
            return Running(found["epoch"], found["attempt"], found["executor"])
        case "success":
            return Success()
        case "failed":
            return Failed(found["canRetry"])
        case "skipped":
            return Skipped(SkipReason(found["reason"]))
        case _:
            return Pending()


def outcome_json(outcome: Outcome) -> JsonObject:
    """How one epoch of a task ended."""
    return {
        "output": outcome.output,
        "hasOutput": outcome.has_output,
        "failure": outcome.failure.as_json() if outcome.failure else None,
        "attempts": outcome.attempts,
        "duration": outcome.duration,
        "usage": usage_json(outcome.usage),
        "messages": [message_json(message) for message in outcome.messages],
        "truncated": outcome.truncated,
        "withheld": outcome.withheld,
    }


def outcome_of(found: JsonObject) -> Outcome:
    """The other way round."""
    return Outcome(
        found["output"],
        found["hasOutput"],
        failure_of(found["failure"]) if found["failure"] else None,
        found["attempts"],
        found["duration"],
        usage_of(found["usage"]),
        tuple(message_of(message) for message in found["messages"]),
        found["truncated"],
        found["withheld"],
    )


def early_end_json(stop: EarlyEnd | None) -> JsonObject | None:
    """Why nothing starts any more."""
    if stop is None:
        return None
    return {"status": stop.status.value, "reason": stop.reason}


def early_end_of(found: JsonObject | None) -> EarlyEnd | None:
    """The other way round."""
    return EarlyEnd(RunStatus(found["status"]), found["reason"]) if found else None


_EVENTS: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (TaskEnded, AttemptFailed, AttemptStarted, AgentDecision, TimerFired, CancelRequested)
}


def core_event_json(event: CoreEvent) -> JsonObject:
    """One event, for a history that is replayed."""
    found: dict[str, Any] = {"is": type(event).__name__}
    for name in event._fields if isinstance(event, TaskEnded) else type(event).__slots__:
        value = getattr(event, name)
        if name == "outcome":
            value = outcome_json(value)
        elif name == "failure":
            value = value.as_json()
        elif name == "usage":
            value = usage_json(value)
        found[name] = value
    return found


def core_event_of(found: JsonObject) -> CoreEvent:
    """The other way round."""
    values = {key: value for key, value in found.items() if key != "is"}
    if "outcome" in values:
        values["outcome"] = outcome_of(values["outcome"])
    if "failure" in values:
        values["failure"] = failure_of(values["failure"])
    if "usage" in values:
        values["usage"] = usage_of(values["usage"])
    if "action" in values:
        values["action"] = Action(values["action"])
    event: CoreEvent = _EVENTS[found["is"]](**values)
    return event
