"""What a run's history says of each task: how it stands, what it waits for, and what it was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nika_core.errors import Category
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import SkipReason
from nika_core.values import dataclass, field

_ENDED: Final[Mapping[str, str]] = {
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "success",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_SKIPPED: "skipped",
}


@dataclass(slots=True)
class TaskWait:
    """What a task waits for, or has waited for, under one key.

    Attributes:
        about: what people are shown.
        since: when the task began to wait for it, in seconds since the epoch.
        deadline: until when it waits; None: for ever.
        received: when its signal became part of the run, and `payload` what it was; None: it has not.
        sender: who sent that: `by` whom, and `at` when; empty if it is not known.
    """

    key: str
    about: JsonObject
    since: float
    deadline: float | None = None
    received: float | None = None
    payload: Json = None
    sender: JsonObject = field(default_factory=dict)

    @property
    def shown(self) -> JsonObject:
        """Return what it is about; without words for people, its key."""
        return self.about or {"key": self.key}


@dataclass(slots=True)
class TaskHistory:
    """How a task stands.

    Attributes:
        state: running, waiting, success, failed or skipped; "": it has not started, or was stopped with its run and
            starts again when that is resumed.
        waits: what it has waited for under this epoch, by key, the latest last.
        identity: what its signals are addressed to; "": its id.
    """

    state: str = ""
    epoch: int = 0
    identity: str = ""
    waits: dict[str, TaskWait] = field(default_factory=dict)

    @property
    def latest_wait(self) -> TaskWait | None:
        """Return what it waits for, or waited for last."""
        return next(reversed(self.waits.values()), None)

    @property
    def waiting_for(self) -> TaskWait | None:
        """Return what it waits for now; None: it does not wait."""
        return self.latest_wait if self.state == "waiting" else None

    @property
    def ended(self) -> bool:
        """Return whether it has ended for good."""
        return self.state in ("success", "failed", "skipped")

    def add(self, event: Event) -> None:
        """Learn what an event says."""
        data = event.data
        if event.kind is EventKind.TASK_STARTED:
            self.identity = data.get("identity", "")
            if data.get("epoch", 1) != self.epoch:
                self.epoch, self.waits = data.get("epoch", 1), {}
            self.state = "running"
        elif event.kind is EventKind.TASK_WAITING:
            self._wait(event)
        elif event.kind is EventKind.SIGNAL_RECEIVED:
            wait = self.waits.setdefault(data["key"], TaskWait(data["key"], {}, event.at))
            wait.received, wait.payload, wait.sender = event.at, data.get("payload"), data.get("sender", {})
        elif event.kind is EventKind.TASK_READY and self.state == "waiting":
            self.state = "running"
        elif event.kind in _ENDED and not _stopped_with_its_run(event):
            self.state = _ENDED[event.kind]
        elif event.kind in _ENDED:
            self.state = ""

    def _wait(self, event: Event) -> None:
        data, key = event.data, event.data["key"]
        wait = self.waits.pop(key, None) or TaskWait(key, {}, event.at, data.get("deadline"))
        wait.about = data.get("about", {})
        self.waits[key] = wait
        self.state = "waiting"


def task_histories(events: Iterable[Event]) -> dict[str, TaskHistory]:
    """Return the history of each task that has one, by its id."""
    histories: dict[str, TaskHistory] = {}
    for event in events:
        if event.task is not None:
            histories.setdefault(event.task, TaskHistory()).add(event)
    return histories


def _stopped_with_its_run(event: Event) -> bool:
    if event.kind is EventKind.TASK_SKIPPED:
        return bool(event.data.get("reason") == SkipReason.RUN_CANCELLED)
    error = event.data.get("error") or {}
    return bool(event.kind is EventKind.TASK_FAILED and error.get("category") == Category.CANCELLED)
