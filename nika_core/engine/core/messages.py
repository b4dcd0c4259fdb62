"""What goes into the core and what comes out of it. Values only.

Those that are made for every task are named tuples: as immutable as frozen dataclasses, and made in a fifth of the
time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from nika_core.model.events import NO_DATA, EventKind
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message
from nika_core.model.state import Failure, RunResult
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import Task

# What a named tuple's own constructor calls, in half its time: for what is made for every task. All fields are given.
quick: Final = tuple.__new__


class Outcome(NamedTuple):
    """How one epoch of a task ended: the one result of its key. `failure` is there exactly when it did not succeed, and
    its category says whether it failed, took too long or was cancelled; `duration` in seconds.
    """

    output: Json = None
    has_output: bool = True
    failure: Failure | None = None
    attempts: int = 1
    duration: float = 0.0
    usage: Usage = NOTHING
    messages: tuple[Message, ...] = ()
    truncated: bool = False
    withheld: bool = False  # (of an earlier run) history does not have the output


NO_OUTCOME: Final = Outcome(has_output=False, attempts=0)


class TaskCall(NamedTuple):
    """One epoch of one task, ready to run wherever there is an executor. `key` is `run/task#epoch`."""

    task: Task
    epoch: int
    key: str
    payload: JsonObject
    messages: tuple[Message, ...] = ()


class Action(StrEnum):
    """What the main agent may decide, agentic mode."""

    RETRY = "retry_task"
    SKIP = "skip_task"
    CONTINUE = "continue_run"
    ABORT = "abort_run"


# ---- commands


class StartTask(NamedTuple):
    """Run it, and report `TaskEnded` once."""

    call: TaskCall


@dataclass(frozen=True, slots=True)
class CancelTask:
    """End it within the grace period; it still reports."""

    task: str
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Report `TimerFired(id)` after `seconds`."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer is not needed any more."""

    id: str


@dataclass(frozen=True, slots=True)
class AskDecision:
    """Ask the main agent what to do about a task that failed for good, and report `AgentDecision`."""

    task: str
    epoch: int
    failure: Failure
    may_retry: bool


class Emit(NamedTuple):
    """Tell observers and history. `number` counts the core's own events from 1."""

    number: int
    kind: EventKind
    task: str | None = None
    data: Mapping[str, Any] = NO_DATA


@dataclass(frozen=True, slots=True)
class Finish:
    """The run has ended. `result.duration` is the host's to fill in."""

    result: RunResult


Command: TypeAlias = StartTask | CancelTask | StartTimer | CancelTimer | AskDecision | Emit | Finish

# ---- events


class TaskEnded(NamedTuple):
    """One outcome per task and epoch counts; others are ignored."""

    task: str
    epoch: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed, and another one follows after `delay` seconds."""

    task: str
    epoch: int
    attempt: int
    delay: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt after the first one starts."""

    task: str
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True)
class AgentDecision:
    """The answer to `AskDecision`, and what asking cost."""

    task: str
    epoch: int
    action: Action
    reason: str = ""
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that the core started has run out."""

    id: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Stop starting, cancel what runs, end. `paused`: the run waits for something and will be gone on with."""

    reason: str
    paused: bool = False


CoreEvent: TypeAlias = TaskEnded | AttemptFailed | AttemptStarted | AgentDecision | TimerFired | CancelRequested
