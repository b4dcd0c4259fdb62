"""How tasks ended in an earlier life of a run, read from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from nika_core.engine.core.task_usage import usage_by_task
from nika_core.errors import Category
from nika_core.model.codec import message_of
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message
from nika_core.model.state import SkipReason
from nika_core.model.usage import NOTHING, Usage


@dataclass(frozen=True, slots=True)
class PreviousOutcome:
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


_ENDS: Final = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "success",
    EventKind.TASK_FAILED: "failed",
}
_UNKNOWN: Final = PreviousOutcome("failed", 0)


def previous_outcomes(events: Iterable[Event]) -> dict[str, PreviousOutcome]:
    """How each task stood after `events`, for `RunRequest.earlier`. A later word about a task takes the place of all
    before it; only a skip that nobody decided leaves what was known. The hashes come from `task.started`.
    """
    events = tuple(events)
    found: dict[str, PreviousOutcome] = {}
    for event in events:
        if event.task is None:
            continue
        if event.kind is EventKind.TASK_STARTED:
            attempt, was = event.data.get("attempt", 1), found.get(event.task, _UNKNOWN)
            retried = attempt > 1  # only the first one says what the task was given
            found[event.task] = PreviousOutcome(
                "running",
                event.data.get("epoch", 1),
                was.definition if retried else event.data.get("definition", ""),
                was.payload if retried else event.data.get("payload", ""),
                attempts=attempt,
            )
        elif event.kind is EventKind.TASK_SKIPPED:
            was = found.setdefault(event.task, PreviousOutcome("skipped", 0))
            if event.data.get("reason") == SkipReason.DECISION:
                found[event.task] = replace(was, state="skipped")
        elif event.kind in _ENDS:
            found[event.task] = _ended(_ENDS[event.kind], event.data, found.get(event.task, _UNKNOWN))
    spent = usage_by_task(events)
    return {task: replace(was, usage=spent[task]) if task in spent else was for task, was in found.items()}


def _ended(state: str, data: JsonObject, was: PreviousOutcome) -> PreviousOutcome:
    error = data.get("error")
    return PreviousOutcome(
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
