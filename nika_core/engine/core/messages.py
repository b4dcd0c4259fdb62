"""What goes into the core and what comes out of it. Values only, and all of them have a JSON form (`values_json`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from nika_core.model.approval import ToolGrant
from nika_core.model.events import NO_DATA
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.large_values import LargeValue
from nika_core.model.late_values import LateLeaf
from nika_core.model.limits import Limits
from nika_core.model.message import Message
from nika_core.model.state import Failure, RunResult
from nika_core.model.usage import NOTHING, Usage
from nika_core.model.workflow import AgentBlock, OutputSpec, Retry
from nika_core.values import dataclass, field


class Outcome(NamedTuple):
    """How one epoch of a node ended: the one result of its key.

    To look into `output`, take its `value_of`: a large one may have left memory.

    `failure` is there exactly when it did not succeed, and its category says whether it failed, took too long or was
    cancelled; `output` is then what it had produced, as `${error}` shows it.
    `duration` in seconds. `withheld`: (of an earlier run) history does not have the output. `declined`: a person has
    said no, and it counts as skipped.
    """

    output: Json | LargeValue = None
    has_output: bool = True
    failure: Failure | None = None
    attempts: int = 1
    duration: float = 0.0
    usage: Usage = NOTHING
    messages: tuple[Message, ...] = ()
    truncated: bool = False
    withheld: bool = False
    declined: bool = False


NO_OUTCOME: Final = Outcome(has_output=False, attempts=0)
NO_VALUES: Final[Mapping[str, Json]] = {}
NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Wait:
    """What a node waits for.

    Attributes:
        key: which signal; of the node's own choosing.
        about: what people are shown, e.g. a question. JSON, without secrets.
        deadline: seconds since the epoch, after which it fails; None: never.
        patience: seconds that a run that has nothing else to do stays for it before it pauses; None: for ever.
        default: taken as the signal's payload at the deadline, if `has_default`.
        content_key: whether the key stands for all that is asked: its signal holds also if the node is done again
            because something changed that the key does not show.
    """

    key: str
    about: JsonObject = field(default_factory=dict)
    deadline: float | None = None
    patience: float | None = 0.0
    default: Json = None
    has_default: bool = False
    content_key: bool = False


class Awaited(NamedTuple):
    """What a node waits for, for a look at what has come: the key, and the identity of the node.

    `epoch`: the one in which it begins to wait; 0: it has begun before.
    """

    key: str
    identity: str
    epoch: int = 0


class InnerBudget(NamedTuple):
    """What one run of a workflow that a node stands for may cost: its `maxBudgetUsd`.

    Attributes:
        account: names this run of it: the node's identity and its epoch.
        title: the node's id, for messages.
        usd: US dollars.
        since: the identity of the node whose calls in earlier lives of the run count, too; "": none do.
    """

    account: str
    title: str
    usd: float
    since: str = ""


class TaskCall(NamedTuple):
    """One epoch of one node, complete: it can run wherever there is an executor, and has a JSON form (`calls`).

    `key` is `run/identity#epoch`: one key for all attempts. `payload` is rendered. `timeout` in seconds; None: the
    keyword's. `idle_timeout`: seconds without a sign of life; None: not bounded. `env`: variables for processes.
    `agent` has its system prompt resolved. `limits` are those of the run. `signals` is what the node was given by what
    it waited for, and `deadlines` until when it waits, in seconds since the epoch, both by key.
    `budgets` are those of the workflows that it is inside of. `grants` are the tool calls that people have allowed for
    the rest of the run. `late` are the texts of the payload whose secrets the attempt fills in: a call has only their
    names, and the values are fetched on the machine that makes the attempt.
    """

    node: NodeId
    keyword: str
    epoch: int
    key: str
    payload: JsonObject
    run_id: str = ""
    workflow: str = ""
    folder: str = "."
    output: OutputSpec = OutputSpec()
    timeout: float | None = None
    retry: Retry = Retry()
    allowed_tools: tuple[str, ...] | None = None
    disallowed_tools: tuple[str, ...] = ()
    ask_tools: tuple[str, ...] = ()
    grants: tuple[ToolGrant, ...] = ()
    messages: tuple[Message, ...] = ()
    agent: AgentBlock = AgentBlock()
    sections: Mapping[str, Json] = NO_VALUES
    limits: Limits = NO_LIMITS
    signals: Mapping[str, Json] = NO_VALUES
    deadlines: Mapping[str, float] = {}
    idle_timeout: float | None = None
    env: Mapping[str, str] = {}
    budgets: tuple[InnerBudget, ...] = ()
    late: tuple[LateLeaf, ...] = ()


class Action(StrEnum):
    """What the main agent may decide, agentic mode."""

    RETRY = "retry_task"
    SKIP = "skip_task"
    CONTINUE = "continue_run"
    ABORT = "abort_run"


# ---- commands


class StartTask(NamedTuple):
    """Run it, and report `TaskEnded` or `TaskWaits` once."""

    call: TaskCall


@dataclass(frozen=True, slots=True)
class CancelTask:
    """End it within the grace period; it still reports."""

    node: NodeId
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class AwaitExternal:
    """A node waits for its signal; work on it may begin. Report `TimerFired(wait_timer)` at its deadline."""

    node: NodeId
    wait: Wait
    identity: str = field(default="", compare=False)
    epoch: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class StopAwaiting:
    """The node does not wait any more."""

    node: NodeId


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
    """Ask the main agent what to do about a node that failed for good, and report `AgentDecision`.

    `about` is the state of its workflow, for the agent to read; `agent` says whom to ask; `identity` is the node's;
    `budgets` as in `TaskCall`.
    """

    node: NodeId
    epoch: int
    failure: Failure
    may_retry: bool
    about: JsonObject = field(default_factory=dict, compare=False)
    agent: AgentBlock = field(default_factory=AgentBlock, compare=False)
    identity: str = field(default="", compare=False)
    budgets: tuple[InnerBudget, ...] = field(default=(), compare=False)


class Emit(NamedTuple):
    """Tell observers and history. `number` counts the core's own events from 1."""

    number: int
    kind: str
    task: str | None = None
    data: Mapping[str, Any] = NO_DATA


@dataclass(frozen=True, slots=True)
class Finish:
    """The run has ended. `result.duration` is the host's to fill in."""

    result: RunResult


Command: TypeAlias = (
    StartTask | CancelTask | AwaitExternal | StopAwaiting | StartTimer | CancelTimer | AskDecision | Emit | Finish
)

# ---- events


class TaskEnded(NamedTuple):
    """One outcome per node and epoch counts; others are ignored."""

    node: NodeId
    epoch: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TaskWaits:
    """The step has returned what it waits for. `usage`: what it has used so far; `identity`: the node's."""

    node: NodeId
    epoch: int
    wait: Wait
    usage: Usage = NOTHING
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a node waits for has come. An empty key means whatever it waits for; `sender`: `by` whom, and `at` when."""

    node: NodeId
    key: str
    payload: Json = None
    sender: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed, and another one follows after `delay` seconds."""

    node: NodeId
    epoch: int
    attempt: int
    delay: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt after the first one starts."""

    node: NodeId
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True)
class AgentDecision:
    """The answer to `AskDecision`, and what asking cost."""

    node: NodeId
    epoch: int
    action: Action
    reason: str = ""
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that the core started has run out, or a wait's deadline has come."""

    id: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Stop starting, cancel what runs, end."""

    reason: str


CoreEvent: TypeAlias = (
    TaskEnded | TaskWaits | Signal | AttemptFailed | AttemptStarted | AgentDecision | TimerFired | CancelRequested
)


def wait_timer(node: NodeId) -> str:
    """Return the id of the timer of a wait's deadline."""
    return f"wait:{node}"


PATIENCE_TIMER: Final = "patience"
PATIENCE_OVER: Final = TimerFired(PATIENCE_TIMER)  # a run that has nothing to do but wait does not stay for it
