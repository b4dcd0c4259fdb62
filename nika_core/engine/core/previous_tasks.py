"""How tasks ended in an earlier life of a run, read from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from nika_core.engine.core.messages import NO_OUTCOME, Outcome
from nika_core.engine.core.task_usage import usage_by_task
from nika_core.model.codec import failure_of, message_of
from nika_core.model.events import Event, EventKind
from nika_core.model.json import JsonObject
from nika_core.model.state import SkipReason
from nika_core.model.usage import NOTHING


@dataclass(frozen=True, slots=True)
class PreviousTask:
    """How a task stood when its run ended, was interrupted or was killed.

    `state`: success, failed, skipped or running (it had started, and how it ended is not known). Hashes are "" where
    they are not known. `lost`: history has kept the output, and it is no longer there, or damaged.
    """

    state: str
    epoch: int = 1
    definition: str = ""
    payload: str = ""
    outcome: Outcome = NO_OUTCOME
    lost: bool = False


_ENDS: Final = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "success",
    EventKind.TASK_FAILED: "failed",
}
_UNKNOWN: Final = PreviousTask("failed", 0)


def previous_tasks(events: Iterable[Event]) -> dict[str, PreviousTask]:
    """How each task stood after `events`, for `RunRequest.earlier`. A later word about a task takes the place of all
    before it; only a skip that nobody decided leaves what was known. The hashes come from `task.started`.
    """
    events = tuple(events)
    found: dict[str, PreviousTask] = {}
    for event in events:
        if event.task is None:
            continue
        if event.kind is EventKind.TASK_STARTED:
            attempt, was = event.data.get("attempt", 1), found.get(event.task, _UNKNOWN)
            retried = attempt > 1  # only the first one says what the task was given
            found[event.task] = PreviousTask(
                "running",
                event.data.get("epoch", 1),
                was.definition if retried else event.data.get("definition", ""),
                was.payload if retried else event.data.get("payload", ""),
                Outcome(has_output=False, attempts=attempt),
            )
        elif event.kind is EventKind.TASK_SKIPPED:
            was = found.setdefault(event.task, PreviousTask("skipped", 0))
            if event.data.get("reason") == SkipReason.DECISION:
                found[event.task] = replace(was, state="skipped")
        elif event.kind in _ENDS:
            found[event.task] = _ended(_ENDS[event.kind], event.data, found.get(event.task, _UNKNOWN))
    spent = usage_by_task(events)
    return {
        task: replace(was, outcome=was.outcome._replace(usage=spent[task])) if task in spent else was
        for task, was in found.items()
    }


def _ended(state: str, data: JsonObject, was: PreviousTask) -> PreviousTask:
    error = data.get("error")
    outcome = Outcome(
        data.get("output"),
        state == "success" or "output" in data,
        failure_of(error) if error else None,
        data.get("attempts", 0),
        data.get("durationMs", 0) / 1000,
        NOTHING,
        tuple(message_of(message) for message in data.get("messages", ())),
        data.get("truncated", False),
        data.get("withheld", False),
    )
    return replace(was, state=state, outcome=outcome, lost="lost" in data)
