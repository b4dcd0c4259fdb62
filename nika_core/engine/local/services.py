"""What the engine is given: functions and values, never the registry, the journal or a library.

With a dictionary and a manual clock in their place the whole engine runs in a test.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nika_core.engine.core.messages import Signal, Wait
from nika_core.engine.core.ports import (
    CallCache,
    InMemoryCallCache,
    MaskedStream,
    ModelCaller,
    NoModels,
    admitted,
    unmasked,
)
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.events import Event
from nika_core.model.graph import Graph
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import Limits
from nika_core.model.template import Placeholder
from nika_core.model.workflow import AgentBlock, Task, Workflow
from nika_core.plugin import Admission, Facets, Keyword, Refusal, Step, Values

if TYPE_CHECKING:
    from nika_core.engine.core.previous_tasks import PreviousTask


async def no_barrier() -> None:
    """A barrier where there is no journal."""


def unrecorded(event: Event) -> None:
    """A journal where there is none."""


def no_settings(word: str) -> JsonObject:
    """The project file says nothing about this keyword."""
    return {}


def plain_facets(word: str) -> Facets:
    """The default facets for every keyword."""
    return Facets()


def unresolvable(placeholder: Placeholder, values: Values) -> Json:
    """For workflows without conditions."""
    raise LookupError(placeholder.text)


def depends_on_nothing(placeholder: Placeholder) -> Sequence[str]:
    """Return the tasks of a placeholder that names none."""
    return ()


def unrendered(task: Task, values: Callable[[], Values]) -> JsonObject:
    """For workflows without templates."""
    return task.payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the engine uses and does not bring itself.

    Attributes:
        keyword: the description of a word. Raises NikaError (a task with it then fails).
        step: the word's step, the same one for the whole run; may take long the first time. Raises NikaError.
        facets: the word's facets.
        render: a task's payload with its templates resolved; what they may see is made when it is asked for, since
            most payloads do not need it. Pure. Raises NikaError.
        resolve: one placeholder of a condition, defaults applied. Pure. Raises TemplateValueError.
        depends_on: the tasks that a placeholder names. Pure.
        settings: the word's part of the project file.
        caller: calls models.
        record: writes an event into the run's history; quick, never waits, raises nothing.
        barrier: waits until everything recorded so far is durable. May raise JournalError.
        durable: waits, in an observer's thread, until everything recorded so far is durable, and returns the number of
            its last event; raises nothing. None: observers are shown events at once.
        call_cache: keeps replies and tool results inside tasks.
        mask: replaces secret values by `***`. Leave the default where no secret is known: it costs nothing.
        mask_stream: a new stream's masker; None: each piece is masked by itself.
        admit: asks the limit policies; one refusal wins.
        signals: those that other processes have written for this run since it was asked last; None: nobody can.
        attend: told what a node waits for, and how to post its signal, so that what can bring it about may begin.
        random: from 0.0 up to 1.0, for jitter.
    """

    keyword: Callable[[str], Keyword]
    step: Callable[[str], Step]
    facets: Callable[[str], Facets] = plain_facets
    render: Callable[[Task, Callable[[], Values]], JsonObject] = unrendered
    resolve: Callable[[Placeholder, Values], Json] = unresolvable
    depends_on: Callable[[Placeholder], Sequence[str]] = depends_on_nothing
    settings: Callable[[str], JsonObject] = no_settings
    caller: ModelCaller = field(default_factory=NoModels)
    record: Callable[[Event], None] = unrecorded
    barrier: Callable[[], Awaitable[None]] = no_barrier
    durable: Callable[[], int] | None = None
    call_cache: CallCache = field(default_factory=InMemoryCallCache)
    mask: Callable[[str], str] = unmasked
    mask_stream: Callable[[], MaskedStream] | None = None
    admit: Callable[[Admission], Refusal | None] = admitted
    signals: Callable[[], Iterable[Signal]] | None = None
    attend: Callable[[NodeId, Wait, Callable[[Signal], None]], None] | None = None
    clock: Clock = field(default_factory=SystemClock)
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One run of one workflow.

    Attributes:
        workflow: checked; `workflow.agent` with provider and model as the command line and the project have them.
        inputs: typed, defaults filled in.
        environ: the environment as it is when the run starts.
        no_slot: tasks that mostly wait for somebody else: they take no place among those that run at once.
        files: by task, a hash of the files that belong to its definition.
        sections: the root sections as they count in definitions, with what is declared elsewhere; None: the workflow's.
        fail_fast: stop everything after the first failure.
        timeout: seconds for the whole run; None: no bound.
        grace: seconds that what was cancelled has to end.
        can_pause: whether the run can be resumed; else it does not pause for what it waits for.
        earlier: how tasks ended in the run that this one resumes.
        rerun_from: with `--from`: this task and all below it are never reused.
        seq: the number of the last event in the run's history (a resumed run goes on counting).
    """

    run_id: str
    workflow: Workflow
    graph: Graph
    limits: Limits = field(default_factory=Limits)
    inputs: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    agent: AgentBlock | None = None  # system prompt resolved; None: the workflow's
    no_slot: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Json] | None = None
    fail_fast: bool = False
    timeout: float | None = None
    grace: float = 5.0
    can_pause: bool = True
    previous: Mapping[str, PreviousTask] = field(default_factory=dict)
    rerun_from: str | None = None
    seq: int = 0

    @property
    def folder(self) -> Path:
        return self.workflow.folder


class Observer(Protocol):
    """Is shown every event as it happens. What it raises, or how slow it is, harms no run.

    One with an attribute `chunks` that is false is not shown text as it comes.
    """

    def __call__(self, event: Event, /) -> Any: ...
