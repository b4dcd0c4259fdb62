"""What goes into the journal and what comes out of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from nika_core.model.events import Event
from nika_core.model.json import Json, JsonObject
from nika_core.values import dataclass, field

RUNNING: Final = "running"
DAMAGED: Final = "damaged"  # nothing can be said of it but that it is there
INTERRUPTED: Final = "interrupted"  # it was running, and no process works on it any more


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run at its start. It contains no secrets: it is masked when it is created.

    Attributes:
        workflow: its name.
        path: its file.
        document: the file's text at that time.
        inputs: its inputs.
        options: everything else that is needed to repeat the run (provider, model, ...).
        started: seconds since the epoch.
        signature: shows that this user started it on this machine; "": there is none.
        tasks: the ids of the workflow's tasks, in declared order; None: only the document has them.
    """

    workflow: str
    path: str
    document: str
    inputs: JsonObject = field(default_factory=dict)
    options: JsonObject = field(default_factory=dict)
    started: float = 0.0
    signature: str = ""
    tasks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A line of `nika runs list`. `status`: running, interrupted, damaged, or how it ended; times in seconds."""

    id: str
    workflow: str
    path: str
    started: float
    ended: float | None
    status: str
    summary: JsonObject = field(default_factory=dict)  # usage and durationMs, as its last event told them


@dataclass(frozen=True, slots=True)
class RecordedSignal:
    """A signal for a node of a run.

    Attributes:
        node: its identity, or its id if it had none when the signal was sent.
        key: what the node waits for; "": whatever that is.
        sender: which user, and from where.
        at: when, in seconds since the epoch.
    """

    node: str
    key: str
    payload: Json
    sender: str
    at: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything recorded about a run. `memo` is by key and call. An event without its data has `{"lost": ...}`.

    `position` is that of the last event in the run's history: another one means that there is more by now.
    """

    run: RunSummary
    info: RunInfo
    document_hash: str
    events: tuple[Event, ...]
    memo: Mapping[tuple[str, str], Json] = field(default_factory=dict, repr=False)
    position: int = 0

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return max((event.seq for event in self.events), default=0)


def new_run_id(at: float) -> str:
    """Short, sortable by time (UTC), unique: `20261122-103000-ab12cd`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
