"""What a backend is: another durable engine that runs workflows, with workers on other machines.

The kernel brings all deciding and all doing; a backend brings durability, timers and queues between them:

    this machine            the backend                          a worker
    ------------            -----------                          --------
    `submit` sends      ->  keeps a `RunDriver` per run     ->   does each `StartWork` with a `TaskRunner`
    a definition            and does the `DriverAction`s of it    <-   and returns its `WorkEnd`

Everything that passes between these is JSON, and none of it holds a secret.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from nika_core.model.json import Json, JsonObject
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendDescription:
    """Describe a backend.

    Attributes:
        name: the scheme of its URLs, as in `--on name://...`; also the name of the entry point.
        summary: one sentence.
        backend: "package.module:Class" of a `Backend`, made once per command with a `BackendSetup`.
        example: a URL, for messages.
    """

    name: str
    summary: str
    backend: str
    example: str = ""


# ---- what a run asks of its backend


class StartWork(NamedTuple):
    """Have a worker do `work`, and tell the driver how it ended: `ended` once, or `lost`.

    Attributes:
        id: of the node and its epoch; no two works that run at once have the same.
        keyword: only a worker that has this keyword can do it; "": every worker can.
        work: for `TaskRunner.run`.
        stays_with: works of one run with the same text here are given to one worker, as long as it lives; "": to any.
    """

    id: str
    keyword: str
    work: JsonObject
    stays_with: str = ""


class StopWork(NamedTuple):
    """Tell work to end; it still has to be reported.

    Attributes:
        id: of the work.
        reason: why, for people.
    """

    id: str
    reason: str


class SetTimer(NamedTuple):
    """Call `RunDriver.timer_fired(id)` after some time. A timer of the same id is replaced.

    Attributes:
        id: of the timer.
        seconds: the time.
    """

    id: str
    seconds: float


class ClearTimer(NamedTuple):
    """Forget a timer, which is not needed any more; one that is not there is no error.

    Attributes:
        id: of the timer.
    """

    id: str


class EndRun(NamedTuple):
    """End the run, and keep its result.

    Attributes:
        result: for `RunUpdate`.
    """

    result: JsonObject


DriverAction: TypeAlias = StartWork | StopWork | SetTimer | ClearTimer | EndRun


class RunDriver(Protocol):
    """Decides for one run. Deterministic: the same calls in the same order, at the same times, return the same actions.

    It does no input and output, waits for nothing, and needs no event loop.
    """

    def start(self) -> Sequence[DriverAction]:
        """Begin a new run."""
        ...

    def resume(self) -> Sequence[DriverAction]:
        """Go on from a snapshot: return what has to be running. Work in it may have been started before."""
        ...

    def ended(self, id: str, report: JsonObject) -> Sequence[DriverAction]:  # noqa: A002  # of the work
        """Take the report of work: `WorkEnd.report`. A second report of the same work changes nothing."""
        ...

    def lost(self, id: str, message: str) -> Sequence[DriverAction]:  # noqa: A002  # of the work
        """Take note that work will never be reported. Its task fails with the message."""
        ...

    def timer_fired(self, id: str) -> Sequence[DriverAction]:  # noqa: A002  # of the timer
        """Take note that a timer has run out."""
        ...

    def signal(self, signal: JsonObject) -> Sequence[DriverAction]:
        """Take a signal: what `Backend.signal` was given."""
        ...

    def cancel(self, reason: str) -> Sequence[DriverAction]:
        """Start no more work, and end what runs; the second time, also cleanup."""
        ...

    def view(self, since: int) -> JsonObject:
        """Return what people are shown: the fields of a `RunUpdate`, with the events after number `since`."""
        ...

    def snapshot(self) -> JsonObject:
        """Return its whole state as JSON, for `BackendKernel.driver`. Work that has not ended is done again."""
        ...


# ---- what a worker does


class WorkEnd(NamedTuple):
    """How one attempt of work ended.

    Attributes:
        report: for `RunDriver.ended`, unless there is a `retry`.
        retry: seconds after which another attempt has to be made, with `state`; None: there is none.
        state: for the next attempt: what was used and paid so far.
        message: why, if there is a retry.
    """

    report: JsonObject
    retry: float | None = None
    state: Json = None
    message: str = ""


class TaskRunner(Protocol):
    """Does the work of one run on this machine. Used from one event loop."""

    async def run(
        self,
        work: JsonObject,
        *,
        attempt: int = 1,
        state: Json = None,
        keep: Callable[[Json], None] | None = None,
        settle: Callable[[], Awaitable[None]] | None = None,
        max_bytes: int | None = None,
        show: Callable[[JsonObject], None] | None = None,
    ) -> WorkEnd:
        """Make one attempt. Raise nothing, whatever the task does.

        If the awaiting task is cancelled, the attempt is ended within its grace period, and its end is returned.

        Args:
            work: of `StartWork`.
            attempt: its number, from 1. If there is no `state` of the one before, that was lost with its worker.
            state: what the attempt before this one has kept last, on whichever machine; None: it has kept nothing.
            keep: called with a new state whenever it changes. A state that the next attempt is not given is lost, with
                its worker: what was paid meanwhile is then charged at its worst.
            settle: awaited before something is done that must not be done twice, such as sending a batch; returns when
                the state that was kept last is durable. None: nobody can say; it may be done twice if the worker dies.
            max_bytes: what the report may have as JSON; a task whose output makes it larger fails. None: anything.
            show: called with what the task shows as it comes, without secrets. What a backend passes on of it
                (`RunUpdate.live`) is best effort. None: nothing is passed on.
        """
        ...

    async def close(self) -> None:
        """Close what tasks of the run have opened on this machine."""
        ...


class BackendKernel(Protocol):
    """What the kernel does for a backend."""

    def driver(self, definition: JsonObject, now: Callable[[], float], snapshot: JsonObject | None = None) -> RunDriver:
        """Return the driver of a run. Raise NikaError if this machine cannot drive it, e.g. for want of a plugin.

        Args:
            definition: what was submitted.
            now: returns the time, in seconds since the epoch, by the backend's own deterministic clock.
            snapshot: of an earlier driver of this run; None: it is new.
        """
        ...

    def runner(self, definition: JsonObject) -> TaskRunner:
        """Return what does the work of a run here. Raise NikaError if this machine cannot do it."""
        ...

    def prepare(self, definition: JsonObject) -> None:
        """Prepare a run, so that making its driver takes no time later. Raise NikaError. From any thread."""
        ...

    def version(self) -> str:
        """Return what has to be the same wherever a run is driven, from its beginning to its end: a short text.

        It stands for the version of Nika and those of the plugins that decide.
        """
        ...

    def keywords(self) -> Sequence[str]:
        """Return the keywords that work on this machine, by name."""
        ...


# ---- the backend itself


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSetup:
    """What a backend is made with.

    Attributes:
        url: as the user gave it.
        environ: the environment variables.
        kernel: what the kernel does for it.
        shared: a folder that all machines share, with the same path; None: there is none.
        notice: shows the user a sentence; None: nobody is there.
    """

    url: str
    environ: Mapping[str, str]
    kernel: BackendKernel
    shared: str | None = None
    notice: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A run to be started.

    Attributes:
        run_id: no two runs have the same.
        workflow: its name, for lists.
        definition: all that drivers and workers need to know.
        keywords: that its tasks may need a worker for.
    """

    run_id: str
    workflow: str
    definition: JsonObject
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUpdate:
    """News of a run.

    Attributes:
        events: new ones, each as JSON with its number under `seq`.
        waiting: what its tasks wait for, each with `task`, `key`, `about`, `since` and perhaps `deadline`.
        idle: nothing runs: it goes on when something that it waits for comes.
        result: how it ended; None: it has not.
        held_up: why nothing happens, if the backend knows; "": it does not.
        live: text and progress of tasks as they come, to be shown after the events; best effort, and in no history.
            Each is JSON as `TaskRunner.run` shows it.
    """

    events: tuple[JsonObject, ...] = ()
    waiting: tuple[JsonObject, ...] = ()
    idle: bool = False
    result: JsonObject | None = None
    held_up: str = ""
    live: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRun:
    """A run in a list.

    Attributes:
        run_id: its id.
        workflow: the workflow's name.
        status: as in the history of local runs.
        started_at, ended_at: in seconds since the epoch.
    """

    run_id: str
    workflow: str
    status: str
    started_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is started with.

    Attributes:
        keywords: those whose tasks it does.
        concurrency: tasks at once.
        ready: called once it takes work.
        stop: returns when it has to take no more work, and to end what it has.
    """

    keywords: tuple[str, ...]
    concurrency: int
    ready: Callable[[], None]
    stop: Callable[[], Awaitable[Any]]


class Backend(Protocol):
    """Runs workflows elsewhere. Its methods raise NikaError for what a user can fix; anything else is its own fault."""

    def __init__(self, setup: BackendSetup) -> None: ...

    async def submit(self, submission: Submission) -> None:
        """Start a run; return when the backend keeps it. Raise UsageError if no worker offers one of its keywords."""
        ...

    def events(self, run_id: str, since: int = 0) -> AsyncIterator[RunUpdate]:
        """Follow a run: yield its news, the last one with the result. Leaving it early changes nothing.

        Args:
            since: the number of the last event that was seen.
        """
        ...

    async def signal(self, run_id: str, signal: JsonObject) -> None:
        """Hand a signal to the run's driver; return when the backend keeps it."""
        ...

    async def cancel(self, run_id: str, reason: str) -> None:
        """Hand a cancellation to the run's driver; return when the backend keeps it."""
        ...

    async def result(self, run_id: str) -> JsonObject | None:
        """Return the result of a run; None: it has not ended. Raise UsageError if there is none."""
        ...

    async def definition(self, run_id: str) -> JsonObject:
        """Return what was submitted. Raise UsageError if there is no such run."""
        ...

    async def runs(self, limit: int = 100) -> Sequence[BackendRun]:
        """Return the runs that the backend knows, the newest first."""
        ...

    async def offered(self) -> Mapping[str, int]:
        """Return how many workers offer each keyword that this machine knows."""
        ...

    async def serve(self, options: WorkerOptions) -> None:
        """Be a worker until `options.stop` returns; then end what is being done, and return."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class VersionedBackend(Protocol):
    """A backend that keeps a run with the workers of the version that it began with; a backend may have this, too."""

    async def versions(self) -> Mapping[str, int]:
        """Return how many workers there are of each version (`BackendKernel.version`)."""
        ...
