"""How nodes ended in an earlier life of a run, read from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nika_core.engine.core.messages import NO_OUTCOME, Outcome
from nika_core.engine.core.task_usage import usage_by_task, with_identity
from nika_core.model.codec import failure_of, message_of
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import RunStatus, SkipReason
from nika_core.model.usage import NOTHING, Usage
from nika_core.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class PreviousTask:
    """How a node stood when its run ended, was interrupted or was killed.

    `state`: success, failed, skipped, waiting or running (it had started, and how it ended is not known). Hashes are ""
    if they are not known. `accepted`: it failed, and its run succeeded all the same. `lost`: history has kept the
    output, and it is no longer there, or damaged. `signals`: what it had been given by what it waited for, by key.
    `deadlines`: until when it waits, by key, in seconds since the epoch. `received`: the data of its signals' events,
    by key; `content_keys`: the keys that stand for all that is asked. `declined`: it was skipped after a no.
    `superseded`: its loop has begun again since, and this round, or what is inside it, has not.
    `stood_in`: it had failed, and its output is the value that stood in for it (`onError`).
    """

    state: str
    epoch: int = 1
    definition: str = ""
    payload: str = ""
    outcome: Outcome = NO_OUTCOME
    accepted: bool = False
    lost: bool = False
    signals: Mapping[str, Json] = field(default_factory=dict)
    deadlines: Mapping[str, float] = field(default_factory=dict)
    content_keys: frozenset[str] = frozenset()
    received: Mapping[str, JsonObject] = field(default_factory=dict)
    declined: bool = False
    superseded: bool = False
    stood_in: bool = False

    @property
    def has_yielded(self) -> bool:
        """Whether other tasks were given an output of it."""
        return self.state == "success" or self.stood_in


_READY: Final = EventKind.TASK_READY
_STARTED: Final = EventKind.TASK_STARTED
_REUSED: Final = EventKind.TASK_REUSED
_ENDS: Final[Mapping[str, str]] = {
    EventKind.TASK_SUCCEEDED: "success",
    _REUSED: "success",
    EventKind.TASK_FAILED: "failed",
}
_UNKNOWN: Final = PreviousTask("failed", 0)


def previous_tasks(events: Iterable[Event], spent: Mapping[str, Usage] | None = None) -> dict[str, PreviousTask]:
    """Return how each node stood after `events`, by its identity.

    `spent` is what each has used (`usage_by_task`), if that is known already.

    A later word about a node takes the place of all before it; only a skip that nobody decided leaves what was known.
    The hashes and the identity come from `task.started`.
    """
    events = tuple(events)
    nodes: dict[str, PreviousTask] = {}
    ends: dict[str, JsonObject] = {}
    for event, identity in with_identity(events):
        kind = event.kind
        if event.task is None or kind is _READY:
            continue
        before = nodes.get(identity, _UNKNOWN)
        if kind is _STARTED:
            nodes[identity] = _started(event.data, before)
            if event.data.get("again"):
                _supersede_rounds(nodes, identity)
        elif kind in _ENDS:
            data = event.data
            if kind is _REUSED:  # it says only what differs
                data = {**ends.get(identity, {}), **data}
            ends[identity] = data
            # What a value stood in for had failed.
            state = "failed" if "error" in data else _ENDS[kind]
            if "cachedFrom" in event.data:  # it has not started: this says what it is
                before = _started(event.data, before)
            stood_in = "error" in data and kind is not EventKind.TASK_FAILED
            nodes[identity] = replace(_ended(state, data, before), stood_in=stood_in)
        elif kind is EventKind.TASK_SKIPPED:
            skipped = nodes.setdefault(identity, PreviousTask("skipped", 0))
            reason = event.data.get("reason")
            if reason in (SkipReason.DECISION, SkipReason.DECLINED):
                nodes[identity] = replace(skipped, state="skipped", declined=reason == SkipReason.DECLINED)
        elif kind is EventKind.TASK_WAITING:
            deadlines = before.deadlines
            if (deadline := event.data.get("deadline")) is not None:
                deadlines = {event.data["key"]: deadline, **deadlines}
            content_keys = before.content_keys
            if event.data.get("contentKey"):
                content_keys = content_keys | {event.data["key"]}
            nodes[identity] = replace(before, state="waiting", deadlines=deadlines, content_keys=content_keys)
        elif kind is EventKind.SIGNAL_RECEIVED:
            nodes[identity] = _signalled(event.data, before)
    if _succeeded(events):
        nodes = {
            identity: replace(node, accepted=True) if node.state == "failed" else node
            for identity, node in nodes.items()
        }
    spent = usage_by_task(events) if spent is None else spent
    return {
        identity: replace(node, outcome=node.outcome._replace(usage=spent[identity])) if identity in spent else node
        for identity, node in nodes.items()
    }


def _succeeded(events: Sequence[Event]) -> bool:
    """Return whether the run has ended, and succeeded, in its last life."""
    for event in reversed(events):
        if event.kind is EventKind.RUN_STARTED:
            return False
        if event.kind is EventKind.RUN_FINISHED:
            return bool(event.data.get("status") == RunStatus.SUCCEEDED)
    return False


def _started(data: JsonObject, before: PreviousTask) -> PreviousTask:
    attempt, epoch = data.get("attempt", 1), data.get("epoch", 1)
    retried = attempt > 1  # only the first one says what the node was given
    same = epoch == before.epoch
    return PreviousTask(
        "running",
        epoch,
        before.definition if retried else data.get("definition", ""),
        before.payload if retried else data.get("payload", ""),
        Outcome(has_output=False, attempts=attempt),
        signals=before.signals if same else {},
        deadlines=before.deadlines if same else {},
        content_keys=before.content_keys if same else frozenset(),
        received=before.received if same else {},
    )


def _supersede_rounds(nodes: dict[str, PreviousTask], loop: str) -> None:
    """Mark the rounds of a loop that begins again: none is taken, nor what it had been given."""
    for identity, node in nodes.items():
        if identity.startswith(f"{loop}@"):
            nodes[identity] = PreviousTask(node.state, node.epoch, superseded=True)


def _signalled(data: JsonObject, before: PreviousTask) -> PreviousTask:
    key: str = data["key"]
    kept = {key} if data.get("kept") else set()
    return replace(
        before,
        signals={**before.signals, key: data["payload"]},
        received={**before.received, key: data},
        content_keys=before.content_keys | kept,
    )


def _ended(state: str, data: JsonObject, before: PreviousTask) -> PreviousTask:
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
    return replace(before, state=state, outcome=outcome, lost="lost" in data)
