"""What the engine is given: functions and values, never the registry, the journal or a library.

With a dictionary and a manual clock in their place the whole engine runs in a test.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from nika_core.engine.core.messages import Awaited, AwaitExternal, Signal, Wait
from nika_core.engine.core.policy_gate import PolicyGate
from nika_core.engine.core.ports import (
    CallCache,
    InMemoryCallCache,
    LateValues,
    MaskedStream,
    ModelCaller,
    NoModels,
    NoSecrets,
    always,
    ignored,
    unmasked,
)
from nika_core.engine.task.services import Reporter, nothing_arrived
from nika_core.engine.task.tape import Tape
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.events import Event
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.template import Placeholder
from nika_core.model.trace_context import TraceContext
from nika_core.model.workflow import Task
from nika_core.plugin import Facets, Keyword, Question, Step, Values
from nika_core.values import dataclass, field


async def no_barrier() -> None:
    """Do nothing: a barrier for a run without a journal."""


def unrecorded(events: Sequence[Event]) -> None:
    """Record nothing: a journal for a run without one."""


def no_settings(word: str) -> JsonObject:
    """Return no settings: the project file says nothing about this keyword."""
    return {}


def one_distribution(word: str) -> str:
    """Return the distribution of every keyword if nobody can tell them apart."""
    return ""


def plain_facets(word: str) -> Facets:
    """Return the default facets for every keyword."""
    return Facets()


def unresolvable(placeholder: Placeholder, values: Values) -> Json:
    """Refuse to resolve: for workflows without conditions."""
    raise LookupError(placeholder.text)


def depends_on_nothing(placeholder: Placeholder) -> Sequence[str]:
    """Return the tasks of a placeholder that names none."""
    return ()


def unrendered(task: Task, values: Callable[[], Values]) -> JsonObject:
    """Refuse to render: for workflows without templates."""
    return task.payload


class Notices(Protocol):
    """Tells people outside what nodes wait for, while the run goes on."""

    def opened(self, command: AwaitExternal, at: float, reporter: Reporter) -> None:
        """Note that a node waits since `at`, in seconds since the epoch; quick, raises nothing."""
        ...

    async def end(self) -> None:
        """Wait for what is being told, within bounds; raises nothing."""
        ...


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
        distribution: what brings the word; its keywords share their resources.
        caller: calls models.
        record: writes an event into the run's history; quick, never waits, raises nothing.
        barrier: waits until everything recorded so far is durable. May raise JournalError.
        durable: waits, in an observer's thread, until everything recorded so far is durable, and returns the number of
            its last event; raises nothing. None: observers are shown events at once.
        call_cache: keeps replies and tool results inside tasks.
        mask: replaces secret values by `***`. Leave the default where no secret is known: it costs nothing.
        masks: whether `mask` can change anything now; while it cannot, masking costs nothing.
        add_secrets: has `mask` replace more values from now on.
        mask_stream: a new stream's masker; None: each piece is masked by itself.
        policies: as in `TaskServices`.
        signals: those that other processes have written for nodes that wait, given what each waits for; one that was
            returned is not returned again. None: nobody can write any.
        attend: told what a node waits for, and how to post its signal, so that what can bring it about may begin.
        notices: told of each node that begins to wait, to tell people outside of its question; None: nobody is told.
        random: from 0.0 up to 1.0, for jitter.
        answer, attended, arrived, late, trace, tape: as in `TaskServices`.
    """

    keyword: Callable[[str], Keyword]
    step: Callable[[str], Step]
    facets: Callable[[str], Facets] = plain_facets
    render: Callable[[Task, Callable[[], Values]], JsonObject] = unrendered
    resolve: Callable[[Placeholder, Values], Json] = unresolvable
    depends_on: Callable[[Placeholder], Sequence[str]] = depends_on_nothing
    settings: Callable[[str], JsonObject] = no_settings
    distribution: Callable[[str], str] = one_distribution
    caller: ModelCaller = field(default_factory=NoModels)
    record: Callable[[Sequence[Event]], None] = unrecorded
    barrier: Callable[[], Awaitable[None]] = no_barrier
    durable: Callable[[], int] | None = None
    call_cache: CallCache = field(default_factory=InMemoryCallCache)
    mask: Callable[[str], str] = unmasked
    mask_stream: Callable[[], MaskedStream] | None = None
    masks: Callable[[], bool] = always
    add_secrets: Callable[[Iterable[str]], None] = ignored
    policies: PolicyGate | None = None
    signals: Callable[[Mapping[NodeId, Awaited]], Iterable[Signal]] | None = None
    attend: Callable[[NodeId, Wait, Callable[[Signal], None]], None] | None = None
    notices: Notices | None = None
    clock: Clock = field(default_factory=SystemClock)
    random: Callable[[], float] = random.random
    answer: Callable[[str, Question], Json] | None = None
    attended: bool = False
    arrived: Callable[[NodeId, Awaited], Signal | None] = nothing_arrived
    late: LateValues = field(default_factory=NoSecrets)
    trace: TraceContext | None = None
    tape: Tape | None = None


class EventListener(Protocol):
    """Is shown every event as it happens. What it raises, or how slow it is, harms no run.

    One with an attribute `ignores` is not shown events of these kinds. One with a method `close` is told that no more
    come, and the end of the run waits for that for its `timeout`, in seconds, if it has one, in place of the grace
    period.
    """

    def __call__(self, event: Event, /) -> Any: ...
