"""What an attempt of a task is given, on any machine, and nothing of the run around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from nika_core.engine.core.messages import Awaited, CoreEvent, Signal
from nika_core.engine.core.policy_gate import PolicyGate
from nika_core.engine.core.ports import CallCache, LateValues, MaskedStream, ModelCaller, NoSecrets
from nika_core.engine.task.deadlines import Deadlines
from nika_core.engine.task.tape import Tape
from nika_core.engine.task.told import LatestTold
from nika_core.model.clock import Clock
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind, Limits, output_of, timeout_of
from nika_core.model.state import Failure
from nika_core.model.trace_context import TraceContext
from nika_core.model.usage import Usage
from nika_core.plugin import Facets, Keyword, Question, Step
from nika_core.values import dataclass, field

T = TypeVar("T")


def nothing_arrived(node: NodeId, awaited: Awaited) -> Signal | None:
    """Return None: nobody can send signals."""
    return None


@dataclass(frozen=True, slots=True)
class BoundKeyword:
    """A keyword, ready to be used by the tasks of a run. Seconds and bytes; `max_output` None: not bounded.

    `distribution` is what brings it: keywords of one distribution share their resources.
    """

    spec: Keyword
    step: Step
    settings: JsonObject
    timeout: float
    max_output: int | None
    distribution: str = ""


class KeywordBinder:
    """Keywords by name, each looked up once."""

    def __init__(
        self,
        keyword: Callable[[str], Keyword],
        step: Callable[[str], Step],
        settings: Callable[[str], JsonObject],
        limits: Limits,
        distribution: Callable[[str], str],
    ) -> None:
        self._keyword = keyword
        self._step = step
        self._settings = settings
        self._limits = limits
        self._distribution = distribution
        self._bound: dict[str, BoundKeyword] = {}

    def __call__(self, name: str) -> BoundKeyword:
        """Return the keyword. Raises NikaError, or whatever a broken plugin raises."""
        bound = self._bound.get(name)
        if bound is None:
            bound = self._bound[name] = self._bind(name)
        return bound

    def _bind(self, name: str) -> BoundKeyword:
        keyword, limits = self._keyword(name), self._limits
        timeout = limits.amounts.get(timeout_of(name), keyword.default_timeout) or keyword.default_timeout
        own = limits.counts.get(output_of(name))
        sizes = (keyword.default_max_output if own is None else own, limits.counts.get(LimitKind.OUTPUT_BYTES))
        bounds = [size for size in sizes if size is not None]
        return BoundKeyword(
            spec=keyword,
            step=self._step(name),
            settings=self._settings(name),
            timeout=timeout,
            max_output=min(bounds) if bounds else None,
            distribution=self._distribution(name),
        )


class SharedResources(Protocol):
    """What the tasks of a run share."""

    async def get(self, key: tuple[str, str], open_: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Return the resource of a distribution's key, opened when it is first asked for."""
        ...


class RunMeter(Protocol):
    """What a run has used so far."""

    spent: Usage

    def spend(self, usage: Usage, *, own: bool = False) -> None:
        """Count what was really used. `own`: other than for a call to a model."""
        ...


class Reporter(Protocol):
    """Tells what happens inside an attempt. Masks; never raises."""

    watched: bool

    def emit(self, kind: str, node: str | None = None, data: Mapping[str, Any] = ...) -> None:
        """Write an event into history."""
        ...

    def notice(self, message: str, node: str | None = None, kind: str = ..., data: JsonObject | None = ...) -> None:
        """Tell the user something."""
        ...

    def show_text(self, node: str, text: str) -> None:
        """Show text as it comes; best effort, never in history."""
        ...

    def show_progress(self, node: str, data: JsonObject) -> None:
        """Show how far a step is; best effort, never in history."""
        ...

    def mask(self, text: str) -> str:
        """Return the text with secret values replaced."""
        ...

    def add_secrets(self, values: Iterable[str]) -> None:
        """Mask these values from now on."""
        ...

    def mask_stream(self) -> MaskedStream | None:
        """Return what masks a text that comes in pieces; None: nothing is to be masked."""
        ...

    def failure(self, failure: Failure) -> Failure:
        """Return a failure masked and bounded."""
        ...

    async def barrier(self) -> None:
        """Wait until everything that was told so far is durable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskServices:
    """Everything that attempts use and do not bring themselves.

    Attributes:
        keyword: a keyword by name, ready to be used. Raises NikaError, or whatever a broken plugin raises.
        facets: a keyword's facets. Raises NikaError.
        report: tells the core what happens between an attempt's start and its outcome.
        policies: asks and tells the limit policies; None: none wants to know of this run.
        start: waits for a turn to start, so that many starts leave time for everything else.
        environ: the environment as it was when the run started.
        grace: seconds that what was told to stop has to end.
        random: from 0.0 up to 1.0, for jitter.
        answer: returns the answer to a question that a node asks, in place of a person (in tests and mocked runs).
            Raises TaskError if there is none. None: people answer.
        attended: whether a person is asked while the run goes on, so that it stays for the answer.
        late: gets the secrets that payloads name.
        trace: the trace that attempts pass on; None: none.
        tape: records what steps are given and give, or plays it; None: neither.
        arrived: returns the signal that has come for a node, given what it would wait for; None: it has to wait.
        answered: the latest conversations with models, which other tasks may go on with.
    """

    keyword: Callable[[str], BoundKeyword]
    facets: Callable[[str], Facets]
    reporter: Reporter
    spending: RunMeter
    report: Callable[[CoreEvent], None]
    caller: ModelCaller
    call_cache: CallCache
    resources: SharedResources
    policies: PolicyGate | None
    start: Callable[[], Awaitable[None]]
    deadlines: Deadlines
    clock: Clock
    environ: Mapping[str, str]
    grace: float
    random: Callable[[], float]
    answer: Callable[[str, Question], Json] | None = None
    attended: bool = False
    arrived: Callable[[NodeId, Awaited], Signal | None] = nothing_arrived
    late: LateValues = NoSecrets()
    trace: TraceContext | None = None
    tape: Tape | None = None
    answered: LatestTold = field(default_factory=LatestTold)
