"""What goes into the journal and what comes out of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from nika_core.model.events import Event
from nika_core.model.json import Json, JsonObject

RUNNING: Final = "running"
INTERRUPTED: Final = "interrupted"  # it was running, and no process works on it any more


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run is, as it starts. No secret is in it: it is masked where it is made.

    Attributes:
        workflow: its name.
        path: its file.
        document: the file's text at that time.
        inputs: as they were given.
        options: what else it needs to be run again as it was (provider, model, ...).
        started: seconds since the epoch.
    """

    workflow: str
    path: str
    document: str
    inputs: JsonObject = field(default_factory=dict)
    options: JsonObject = field(default_factory=dict)
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A line of `nika runs list`. `status`: running, interrupted, or how it ended; times in seconds."""

    id: str
    workflow: str
    path: str
    started: float
    ended: float | None
    status: str
    summary: JsonObject = field(default_factory=dict)  # usage and durationMs, as its last event told them


@dataclass(frozen=True, slots=True)
class RecordedSignal:
    """A signal for a node of a run. `key`: what the node waits for, or ""; `sender`: which user; `at` in seconds."""

    node: str
    key: str
    payload: Json
    sender: str
    at: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that is known of a run. `memo` is by key and call. An event whose data were lost has `{"lost": ...}`."""

    run: RunSummary
    info: RunInfo
    document_hash: str
    events: tuple[Event, ...]
    memo: Mapping[tuple[str, str], Json] = field(default_factory=dict, repr=False)

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return max((event.seq for event in self.events), default=0)


def new_run_id(at: float) -> str:
    """Short, sortable by time (UTC), unique: `20261122-103000-ab12cd`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
