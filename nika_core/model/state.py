"""A task's life, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message
from nika_core.model.usage import NOTHING, Usage


class SkipReason(StrEnum):
    """Why a task did not run."""

    CONDITION = "condition"
    UPSTREAM_FAILED = "upstreamFailed"
    UPSTREAM_SKIPPED = "upstreamSkipped"
    RUN_CANCELLED = "runCancelled"
    DECISION = "decision"  # agentic mode: the main agent said so


class RunStatus(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value, as it stands in results, events and the journal."""

    code: str
    category: Category
    message: str
    hint: str | None = None

    @classmethod
    def of(cls, error: NikaError, category: Category = Category.UNKNOWN) -> Failure:
        return cls(error.code, error.category if isinstance(error, TaskError) else category, error.message, error.hint)

    def as_json(self) -> JsonObject:
        found = {"code": self.code, "category": self.category.value, "message": self.message, "hint": self.hint}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Pending:
    """Waits for the tasks that it depends on."""


@dataclass(frozen=True, slots=True)
class Ready:
    """May start as soon as there is room."""

    epoch: int = 1


@dataclass(frozen=True, slots=True)
class Running:
    """`epoch` counts decisions to do the task (again), `attempt` the tries within one epoch; both from 1."""

    epoch: int = 1
    attempt: int = 1
    executor: str = "local"


@dataclass(frozen=True, slots=True)
class Success:
    """Done; its outcome has the output."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed for good, or until it is decided to do it again; its outcome has the failure."""

    can_retry: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Did not run."""

    reason: SkipReason


TaskState: TypeAlias = Pending | Ready | Running | Success | Failed | Skipped

# From -> to. Failed -> Ready and Skipped -> Ready are decisions (agentic mode, `resume --from`), as a new epoch.
LEGAL_TRANSITIONS: Final[Mapping[type[Any], frozenset[type[Any]]]] = {
    Pending: frozenset({Ready, Skipped}),
    Ready: frozenset({Running, Success, Failed, Skipped}),  # Success: reused; Failed: its payload could not be made
    Running: frozenset({Running, Success, Failed, Skipped}),  # Running: the next attempt
    Success: frozenset(),
    Failed: frozenset({Ready, Skipped}),
    Skipped: frozenset({Ready}),
}


class TaskResult(NamedTuple):
    """How a task ended. `state` is success, failed or skipped; times in seconds."""

    id: str
    keyword: str
    state: str
    attempts: int = 0
    duration: float = 0.0
    output: Json = None
    has_output: bool = False
    truncated: bool = False
    usage: Usage = NOTHING
    failure: Failure | None = None
    skip_reason: SkipReason | None = None
    reused: bool = False
    messages: tuple[Message, ...] = ()  # what it added to the main conversation

    @property
    def error(self) -> Failure | None:
        """Why it failed; the same as `failure`."""
        return self.failure

    @property
    def duration_ms(self) -> int:
        """How long it took, in whole milliseconds."""
        return round(self.duration * 1000)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended. Times in seconds."""

    run_id: str
    workflow: str
    status: RunStatus
    tasks: tuple[TaskResult, ...]
    duration: float = 0.0
    output: Json = None
    has_output: bool = False
    usage: Usage = NOTHING

    @property
    def succeeded(self) -> bool:
        """Whether the run succeeded."""
        return self.status is RunStatus.SUCCEEDED

    @property
    def duration_ms(self) -> int:
        """How long it took, in whole milliseconds."""
        return round(self.duration * 1000)

    def task(self, id_: str) -> TaskResult:
        """Return how a task ended. Raise LookupError if the workflow has no such task."""
        for task in self.tasks:
            if task.id == id_:
                return task
        raise LookupError(id_)
