"""A task's life, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.ids import node_id_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.large_values import LargeValue, value_of
from nika_core.model.message import Message
from nika_core.model.usage import NOTHING, Usage
from nika_core.values import dataclass, field

if TYPE_CHECKING:
    from nika_core.model.question import OpenQuestion


class SkipReason(StrEnum):
    """Why a task did not run."""

    CONDITION = "condition"
    UPSTREAM_FAILED = "upstreamFailed"
    UPSTREAM_SKIPPED = "upstreamSkipped"
    RUN_CANCELLED = "runCancelled"
    DECISION = "decision"  # agentic mode: the main agent said so
    DECLINED = "declined"  # a person said no
    NOT_SELECTED = "notSelected"  # the run is of another task alone


class RunStatus(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value, as in results, events and the journal."""

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

    name: ClassVar = "pending"


@dataclass(frozen=True, slots=True)
class Ready:
    """May start as soon as there is room."""

    epoch: int = 1

    name: ClassVar = "ready"


@dataclass(frozen=True, slots=True)
class Running:
    """`epoch` counts decisions to do the node (again), `attempt` the tries within one epoch; both from 1."""

    epoch: int = 1
    attempt: int = 1

    name: ClassVar = "running"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waits for something outside: a person, a batch, a callback."""

    epoch: int = 1

    name: ClassVar = "waiting"


@dataclass(frozen=True, slots=True)
class Success:
    """Done; its outcome has the output."""

    name: ClassVar = "success"


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed for good, or until it is decided to do it again; its outcome has the failure."""

    can_retry: bool = False

    name: ClassVar = "failed"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Had started, and was stopped by a rule of the run or by a person."""

    name: ClassVar = "cancelled"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Did not run."""

    reason: SkipReason

    name: ClassVar = "skipped"


TaskState: TypeAlias = Pending | Ready | Running | Waiting | Success | Failed | Cancelled | Skipped

# From -> to. Failed -> Ready is a decision (agentic mode), as a new epoch.
LEGAL_TRANSITIONS: Final[Mapping[type[Any], frozenset[type[Any]]]] = {
    Pending: frozenset({Ready, Skipped}),
    # Success: reused; Failed: its payload could not be made
    Ready: frozenset({Running, Success, Failed, Skipped}),
    # Running: the next attempt; Skipped: somebody has said no
    Running: frozenset({Running, Waiting, Success, Failed, Cancelled, Skipped}),
    Waiting: frozenset({Ready, Success, Failed, Cancelled}),  # Success: a value stands in for it
    Success: frozenset(),
    Failed: frozenset({Ready, Skipped}),
    Cancelled: frozenset(),
    Skipped: frozenset(),
}


class NodeResult(Protocol):
    """How a node ended, with the results of what is inside it."""

    @property
    def id(self) -> str: ...
    @property
    def children(self) -> tuple[Self, ...]: ...


T = TypeVar("T", bound=NodeResult)


class _TaskResult(NamedTuple):
    id: str
    keyword: str
    state: str
    attempts: int = 0
    duration: float = 0.0
    output: Any = None
    has_output: bool = False
    truncated: bool = False
    usage: Usage = NOTHING
    failure: Failure | None = None
    skip_reason: SkipReason | None = None
    reused: bool = False
    messages: tuple[Message, ...] = ()  # what it added to the main conversation
    key: str | None = None
    waits_for: JsonObject | None = None
    children_kind: str = ""  # items | rounds | tasks
    children: tuple[TaskResult, ...] = ()


_OUTPUT: Final = _TaskResult._fields.index("output")


class TaskResult(_TaskResult):
    """How a node ended. `state` is success, failed, skipped or cancelled; times in seconds.

    `key` is an item's name for people. `waits_for`: what it waits for, if its run has paused for that. `children` are
    a list's items, a loop's rounds or an inner workflow's tasks, as `children_kind` says.
    """

    __slots__ = ()

    @property
    def output(self) -> Json:
        """What it returned. A large output is not in memory: it is read from the run's history each time.

        Raise JournalError if the history has lost it.
        """
        return value_of(self[_OUTPUT])  # type: ignore[no-any-return]  # outputs are JSON

    @property
    def kept_output(self) -> Json | LargeValue:
        """The output without reading it, if it is large."""
        kept: Any = self[_OUTPUT]
        return kept  # type: ignore[no-any-return]  # one or the other

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
    tasks: tuple[TaskResult, ...] = field(repr=False)  # `asyncio.run` asks for the text of what it has run
    duration: float = 0.0
    output: Json = field(default=None, repr=False)
    has_output: bool = False
    usage: Usage = NOTHING
    failure: Failure | None = None  # what failed beside the tasks, e.g. `outputs` without a value
    questions: tuple[OpenQuestion, ...] = ()  # that a paused run waits for

    @property
    def succeeded(self) -> bool:
        """Whether the run succeeded."""
        return self.status is RunStatus.SUCCEEDED

    @property
    def duration_ms(self) -> int:
        """How long it took, in whole milliseconds."""
        return round(self.duration * 1000)

    def task(self, id_: str) -> TaskResult:
        """Return how a node ended: a task, or e.g. `review[3]`, `draft@2`, `sections[2]/write`.

        Raise LookupError if the run has no such node.
        """
        return result_of(self.tasks, id_)


def result_of(tasks: Iterable[T], node: str) -> T:
    """Return a node's result among these and what is inside them. Raise LookupError if it is not there."""
    try:
        wanted = node_id_of(node)
    except ValueError as error:
        raise LookupError(str(error)) from None
    for task in tasks:
        if task.id == wanted:
            return task
        if wanted.startswith(task.id) and wanted[len(task.id)] in "[@/":
            return result_of(task.children, wanted)
    raise LookupError(node)
