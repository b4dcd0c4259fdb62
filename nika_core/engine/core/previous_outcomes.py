"""How nodes ended in an earlier life of a run, read from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from nika_core.engine.core.messages import Outcome, OutcomeKind
from nika_core.engine.core.task_usage import usage_by_task, with_identity
from nika_core.errors import Category
from nika_core.model.codec import message_of
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message
from nika_core.model.state import SkipReason
from nika_core.model.usage import NOTHING, Usage


@dataclass(frozen=True, slots=True)
class PreviousOutcome:
    """How a node stood when its run ended, was interrupted or was killed.

    `state`: success, failed, skipped, waiting or running (it had started, and nobody knows how it ended). Hashes are ""
    if they are not known. `withheld`: its output held a secret, which history does not keep. `lost`: history has kept
    it, and it is no longer there, or damaged. `signals`: what it had been given by what it waited for, by key.
    `deadlines`: until when it waits, by key, in seconds since the epoch.
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
    signals: Mapping[str, Json] = field(default_factory=dict)
    deadlines: Mapping[str, float] = field(default_factory=dict)

    def outcome(self) -> Outcome:
        """Return it as the outcome of a node that is reused."""
        return Outcome(
            OutcomeKind.SUCCEEDED,
            self.output,
            True,
            None,
            self.attempts,
            self.duration,
            self.usage,
            self.messages,
            self.truncated,
            self.withheld,
        )


_ENDS: Final = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "success",
    EventKind.TASK_FAILED: "failed",
}
_UNKNOWN: Final = PreviousOutcome("failed", 0)


def previous_outcomes(events: Iterable[Event]) -> dict[str, PreviousOutcome]:
    """Return how each node stood after `events`, by its identity.

    A later word about a node takes the place of all before it; only a skip that nobody decided leaves what was known.
    The hashes and the identity come from `task.started`.
    """
    events = tuple(events)
    outcomes: dict[str, PreviousOutcome] = {}
    for event, identity in with_identity(events):
        if event.task is None:
            continue
        before = outcomes.get(identity, _UNKNOWN)
        if event.kind is EventKind.TASK_STARTED:
            outcomes[identity] = _started(event.data, before)
        elif event.kind is EventKind.TASK_SKIPPED:
            skipped = outcomes.setdefault(identity, PreviousOutcome("skipped", 0))
            if event.data.get("reason") == SkipReason.DECISION:
                outcomes[identity] = replace(skipped, state="skipped")
        elif event.kind is EventKind.TASK_WAITING:
            deadlines = before.deadlines
            if (deadline := event.data.get("deadline")) is not None:
                deadlines = {event.data["key"]: deadline, **deadlines}
            outcomes[identity] = replace(before, state="waiting", deadlines=deadlines)
        elif event.kind is EventKind.SIGNAL_RECEIVED:
            outcomes[identity] = replace(before, signals={**before.signals, event.data["key"]: event.data["payload"]})
        elif event.kind in _ENDS:
            outcomes[identity] = _ended(_ENDS[event.kind], event.data, before)
    usage = usage_by_task(events)
    return {
        identity: replace(outcome, usage=usage[identity]) if identity in usage else outcome
        for identity, outcome in outcomes.items()
    }


def _started(data: JsonObject, before: PreviousOutcome) -> PreviousOutcome:
    attempt, epoch = data.get("attempt", 1), data.get("epoch", 1)
    retried = attempt > 1  # only the first one says what the node was given
    same = epoch == before.epoch
    return PreviousOutcome(
        "running",
        epoch,
        before.definition if retried else data.get("definition", ""),
        before.payload if retried else data.get("payload", ""),
        attempts=attempt,
        signals=before.signals if same else {},
        deadlines=before.deadlines if same else {},
    )


def _ended(state: str, data: JsonObject, before: PreviousOutcome) -> PreviousOutcome:
    error = data.get("error")
    return PreviousOutcome(
        state,
        before.epoch,
        before.definition,
        before.payload,
        data.get("output"),
        data.get("truncated", False),
        data.get("withheld", False),
        "lost" in data,
        data.get("attempts", 0),
        data.get("durationMs", 0) / 1000,
        NOTHING,
        tuple(message_of(message) for message in data.get("messages", ())),
        Category(error["category"]) if error else None,
        before.signals,
        before.deadlines,
    )
