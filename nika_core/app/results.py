"""What the public face returns beside a run's result: plans, recorded runs and providers, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nika_core.errors import Problem
from nika_core.model.events import Event
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import Failure, result_of
from nika_core.model.usage import NOTHING, Usage
from nika_core.values import dataclass, field

if TYPE_CHECKING:
    from nika_core.engine.llm.estimate import Repetitions, RunForecast, TaskForecast
    from nika_core.plugin import Effect


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task of a plan.

    Attributes:
        wave: the number of the wave in which it starts, from 1.
        certain: it runs whatever the conditions turn out to be.
        when: its condition as its author wrote it; None: it has none.
        settings: the times and numbers that it sets beside its payload, as the document names them; times in seconds.
        payload: what it will be given; a placeholder whose value is not known yet stands as it was written.
        effects: what it may touch.
        estimate: tokens and cost, of all items or rounds.
        items, rounds: how often it is done; None: it has no list, or is not a loop.
        notes: what its author should know, and is no fault.
        ask_tools: the entries of `askTools` by which a person is asked about its tool calls.
        tasks: those of the workflow that it stands for, each for one time; their ids are paths (`sections/write`).
    """

    id: str
    keyword: str
    wave: int
    depends_on: tuple[str, ...]
    certain: bool
    when: str | None
    payload: Mapping[str, Any]
    effects: tuple[Effect, ...]
    estimate: TaskForecast
    settings: Mapping[str, Any] = field(default_factory=dict)
    items: Repetitions | None = None
    rounds: Repetitions | None = None
    notes: tuple[str, ...] = ()
    ask_tools: tuple[str, ...] = ()
    tasks: tuple[PlannedTask, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do, touch and cost.

    Attributes:
        tasks: in the order in which they may start.
        estimate: tokens and cost of the whole run.
        settings: the times, numbers and variables of the whole workflow, as the document names them; times in seconds.
        refusals: why the run would be refused; empty if it may start.
        warnings: what was found in the workflow and is not an error.
    """

    tasks: tuple[PlannedTask, ...]
    estimate: RunForecast
    settings: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedTask:
    """A task of a recorded run, or what is inside one. None: the history does not say.

    Attributes:
        id: e.g. `review`, `review[3]` (an item), `draft@2` (a round), `sections[2]/write` (an inner task).
        key: an item's name for people.
        waits_for: what it waits for, if it waits.
        waiting_since: since when, in seconds since the epoch.
        children_kind: what `children` are: `items`, `rounds`, `tasks`, or nothing.
    """

    id: str
    state: str
    keyword: str = ""
    attempts: int | None = None
    duration_ms: int | None = None
    output: Json = None
    truncated: bool = False
    usage: Usage = NOTHING
    error: Failure | None = None
    skip_reason: str | None = None
    reused: bool = False
    key: str | None = None
    waits_for: Mapping[str, Json] | None = None
    waiting_since: float | None = None
    children_kind: str = ""
    children: tuple[RecordedTask, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run in the history.

    Attributes:
        status: succeeded, failed, cancelled, paused, running, interrupted, or damaged (nothing can be read of it).
        started_at, ended_at: seconds since the epoch.
        inputs, document, decisions: only of a run that was asked for by its id.
        tasks: the same; in a list of runs only those that wait for something outside.
        json: the same as `nika runs show --format json` prints it.
    """

    run_id: str
    workflow: str
    path: str
    status: str
    started_at: float
    ended_at: float | None = None
    duration_ms: int | None = None
    usage: Usage = NOTHING
    inputs: Mapping[str, Json] = field(default_factory=dict)
    document: str = field(default="", repr=False)
    tasks: tuple[RecordedTask, ...] = ()
    decisions: tuple[Mapping[str, Any], ...] = ()
    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def task(self, id_: str) -> RecordedTask:
        """Return a task, or e.g. `review[3]`, by its id. Raise LookupError if there is none."""
        return result_of(self.tasks, id_)


@dataclass(frozen=True, slots=True)
class Turn:
    """A part of a conversation with a model. Secrets are masked.

    Attributes:
        role: who speaks: `system`, `user`, `assistant`, or `tool` for what a tool was given and gave; `restart`: the
            conversation goes on from its first `kept` messages, without those after them.
        at: when, in seconds since the epoch.
        text: what is said.
        tool_calls: the tools that the model asks for: `id`, `name` and `arguments` of each.
        files: the names of attached files.
        tool, arguments, is_error: of a tool's turn.
        model, instead_of, usage, duration_ms: of a reply: which model, and the models before it that did not answer.
        answered: False: there is no reply (yet).
        kept: of a restart.
    """

    role: str
    at: float
    text: str = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    files: tuple[str, ...] = ()
    tool: str = ""
    arguments: Json = None
    is_error: bool = False
    model: str = ""
    instead_of: tuple[str, ...] = ()
    usage: Usage = NOTHING
    duration_ms: float | None = None
    answered: bool = True
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation of a task with models.

    Attributes:
        task: the task's id, e.g. `review[3]`.
        within: the tools by way of which it is held, the outermost first: those of a subagent.
        turns: in the order in which they happened.
    """

    task: str
    within: tuple[str, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class FollowedPart:
    """What is new in a run that is followed.

    Attributes:
        events: in their order, each once.
        status: how the run stands: `running`, `interrupted`, or how it has ended.
        more: whether there is more already.
    """

    events: tuple[Event, ...]
    status: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class FolderTrust:
    """Whether the project file of a folder may widen what is done.

    Attributes:
        path: the project file; None: there is none.
        trusted: what the user decided of the file as it is now; None: nothing yet, which counts as no.
        widens: what it widens, such as `http.allow`, `limits.maxCost`, `plugins.prefer` or `prices`.
        by_variable: the decision is that of NIKA_TRUST.
    """

    path: Path | None
    trusted: bool | None
    widens: tuple[str, ...] = ()
    by_variable: bool = False


@dataclass(frozen=True, slots=True)
class SentSignal:
    """A signal that is in its run's history.

    Attributes:
        task: the task's id.
        run_status: how the run stands: `running` takes the signal within a second, any other keeps it for `resume`.
        repeated: the same signal had been given before, and nothing has changed; `given_by` says by whom, and when.
    """

    run_id: str
    task: str
    run_status: str
    repeated: bool = False
    given_by: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SecretStatus:
    """A variable that a provider reads; never its value."""

    name: str
    set: bool
    required: bool


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model and its price in US dollars per million tokens; None: unpriced.

    Attributes:
        context_tokens, max_output_tokens: what it holds, and how long an answer may be; None: not known.
        abilities: what it has of `tools`, `temperature`, `effort`, `images`, `pdf`, `jsonSchema`, `promptCache` and
            `batch`.
        tiers: the project's names for it.
    """

    name: str
    context_tokens: int | None = None
    free: bool = False
    input_per_million: float | None = None
    output_per_million: float | None = None
    max_output_tokens: int | None = None
    abilities: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """What a provider answered when it was asked whether it can be reached."""

    ok: bool
    detail: str = ""
    models: tuple[str, ...] = ()
    asked: bool = True


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """An installed model provider.

    Attributes:
        patterns: the names of models that it claims.
        error: why it cannot be used; empty if it can.
        health: only if it was asked.
    """

    name: str
    summary: str = ""
    distribution: str = ""
    version: str = ""
    patterns: tuple[str, ...] = ()
    secrets: tuple[SecretStatus, ...] = ()
    models: tuple[ModelStatus, ...] = ()
    error: str = ""
    health: HealthStatus | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a task that differs from an earlier run; None: it has no value there, or none is known."""

    part: str
    before: Json = None
    now: Json = None


@dataclass(frozen=True, slots=True)
class TaskReason:
    """Why a task of a run ran, was reused or was skipped.

    Attributes:
        state: `success`, `failed`, `started`, `waiting`, `reused` or `skipped`.
        message: the reason, as a sentence.
        compared_with: the earlier run of the same workflow that it was compared with; None: with none.
        differences: what differs from that run.
    """

    run_id: str
    task: str
    state: str
    message: str
    compared_with: str | None = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskPayload:
    """What a task of a run was given.

    Attributes:
        payload: its payload, with its references filled in and secrets masked; None: it cannot be told.
        problem: why it cannot be told, as the rest of a sentence that begins with the task; "": it can.
    """

    run_id: str
    task: str
    payload: JsonObject | None
    problem: str = ""
