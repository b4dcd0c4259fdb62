"""Runs: started, awaited, streamed, resumed. Several may run in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from nika_core.api.checking import prepare, refuse_running_loop
from nika_core.api.options import ResumeOptions, StartOptions, check_names, is_text, timeout_seconds
from nika_core.app.admission import check_admission
from nika_core.app.execution import Execution, carry_out
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.resuming import ResumedRun, open_run
from nika_core.app.trust import trusted_by_variable
from nika_core.app.workspace import Workspace
from nika_core.engine.local.event_loop import run_to_end
from nika_core.errors import UsageError
from nika_core.journal import Journal
from nika_core.model.events import Event
from nika_core.model.state import RunResult


def run(workflow: str | Path, **options: Unpack[StartOptions]) -> RunResult:
    """Run a workflow to its end and return how it and each of its tasks ended. A task that fails raises nothing.

    Args:
        workflow: its path, or its text, which has a line break.
        options: see `StartOptions`.

    Raises:
        ProblemsError: the workflow, its inputs or its models are wrong; nothing ran.
        RefusedError: a limit, a budget or a policy refuses the run; nothing ran.
        UsageError: an event loop runs in this thread: use `arun`.
    """
    refuse_running_loop("run", "arun")
    return run_to_end(arun(workflow, **options))


async def arun(workflow: str | Path, **options: Unpack[StartOptions]) -> RunResult:
    """Run a workflow to its end from inside an event loop, as `run` does.

    Cancelling the task that awaits it cancels the run in good order: what runs is ended, and its history is kept.

    Args:
        workflow, options: as for `run`.
    """
    prepared, journal, observers = _prepared(workflow, options)
    return await carry_out(start(prepared, journal=journal, on_event=observers))


def stream(workflow: str | Path, **options: Unpack[StartOptions]) -> EventStream:
    """Return the events of a run as they happen; it starts with the first step of `async for`.

    Args:
        workflow, options: as for `run`, which also tells what this raises.
    """
    prepared, journal, observers = _prepared(workflow, options)
    check_admission(prepared)  # now, and not when the first event is asked for
    return EventStream(lambda show: start(prepared, journal=journal, on_event=(*observers, show)))


def resume(run: str, *, rerun_from: str | None = None, **options: Unpack[ResumeOptions]) -> RunResult:
    """Resume a run, and return how it ended. Of one that succeeded, only what has changed since runs again.

    Args:
        run: its id, or a unique beginning of it.
        rerun_from: run this task again, and all that depend on it; also e.g. `review[3]`, `draft@2` or
            `sections[2]/write`.
        options: see `ResumeOptions`.

    Raises:
        JournalError: there is no such run, or its workflow is gone.
        RefusedError: it was recorded by somebody else, or elsewhere; see `ResumeOptions`.
        UsageError: it has no such task, or an event loop runs in this thread: use `aresume`.
    """
    refuse_running_loop("resume", "aresume")
    return run_to_end(aresume(run, rerun_from=rerun_from, **options))


async def aresume(run: str, *, rerun_from: str | None = None, **options: Unpack[ResumeOptions]) -> RunResult:
    """Resume a run from inside an event loop, as `resume` does.

    Args:
        run, rerun_from, options: as for `resume`.
    """
    check_names(options, ResumeOptions)
    resumed = open_resumed(
        run,
        folder=options.get("folder"),
        inputs=options.get("inputs"),
        timeout=timeout_seconds(options.get("timeout")),
        rerun_from=rerun_from,
        workflow=options.get("workflow"),
        trust_history=options.get("trust_history", False),
        record=options.get("record"),
        environ=options.get("environ"),
    )
    workspace = Workspace.open(resumed.path, environ=options.get("environ"), plugins=options.get("plugins", ()))
    prepared = prepare(resumed.path, resumed=resumed, workspace=workspace)
    return await carry_out(start(prepared, on_event=_observers(options.get("on_event"))))


def open_resumed(
    run: str,
    *,
    folder: str | Path | None = None,
    inputs: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    rerun_from: str | None = None,
    workflow: str | Path | None = None,
    trust_history: bool = False,
    record: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> ResumedRun:
    """Return a recorded run for `prepare`. Raise JournalError, RefusedError or UsageError.

    Args:
        run, folder, inputs, timeout, rerun_from, workflow, trust_history, record, environ: as for `resume`.
    """
    workspace = Workspace.open(None if folder is None else Path(folder), environ=environ)
    journal = workspace.journal()
    return open_run(
        journal,
        run,
        inputs=inputs,
        timeout=timeout,
        rerun_from=rerun_from,
        workflow=None if workflow is None else Path(workflow),
        trusted=trust_history or trusted_by_variable(workspace.environ, journal.path) is True,
        record=None if record is None else Path(record),
    )


def start(
    prepared: PreparedRun,
    *,
    journal: bool | str | Path = True,
    on_event: Iterable[Callable[[Event], object]] = (),
    on_stall: Callable[[str], None] | None = None,
    attended: bool = False,
    owns_process: bool = False,
) -> Execution:
    """Return a prepared run to be awaited (`run`) and cancelled (`cancel`): for programs that show it as it goes on.

    Args:
        prepared: what `prepare` returned.
        journal, on_event: as for `run`; each of `on_event` has a thread of its own.
        on_stall: called from another thread with a sentence when a plugin blocks the event loop.
        attended: the program shows people the questions of the run (`EventKind.TASK_WAITING`) and answers them with
            `Execution.answer`: the run stays for the answers, until `Execution.leave_open` is called.
        owns_process: this process is there for the run alone, as that of `nika run` is: whatever is started in it from
            the beginning of the run on ends with the run, or with the process. Without it, that holds only for what
            plugins start with the process toolbox, so that several runs and the program itself may share a process.

    Raises:
        RefusedError: a limit, a budget or a policy refuses the run.
    """
    check_admission(prepared)
    if prepared.options.record is not None:
        from nika_core.app.recording.recording import check_folder  # other runs do without the import

        check_folder(prepared.options.record, prepared.workflow.name, mocked=prepared.options.mock)
    return Execution(
        prepared,
        _journal(prepared, journal),
        on_event,
        on_stall=on_stall,
        attended=attended,
        owns_process=owns_process,
    )


class EventStream:
    """The events of one run. Iterate it once; leaving it early (`break`, `aclose`, `async with`) cancels the run."""

    def __init__(self, begin: Callable[[Callable[[Event], object]], Execution]) -> None:
        self._results: list[RunResult] = []
        self._events = _events(begin, self._results)

    @property
    def result(self) -> RunResult:
        """How the run ended. Raises UsageError before all its events were taken."""
        if not self._results:
            raise UsageError("the stream's run has not ended", hint="take all its events: `async for event in stream`")
        return self._results[0]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    async def aclose(self) -> None:
        """Cancel the run, if it goes on, and wait until it has ended."""
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        await self.aclose()


async def _events(
    begin: Callable[[Callable[[Event], object]], Execution], results: list[RunResult]
) -> AsyncGenerator[Event, None]:
    """Yield events; if the stream is dropped, the event loop closes this generator, which cancels the run."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Event | None] = asyncio.Queue()

    def show(event: Event) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, event)

    work = asyncio.ensure_future(carry_out(begin(show)))
    work.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (event := await queue.get()) is not None:
            yield event
        results.append(work.result())
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])


def _prepared(
    workflow: str | Path, options: StartOptions
) -> tuple[PreparedRun, bool | str | Path, tuple[Callable[[Event], object], ...]]:
    """Return the run, where its history is kept, and who is shown its events."""
    plan_options: Any = {key: value for key, value in options.items() if key not in {"journal", "on_event"}}
    prepared = prepare(workflow, **plan_options)
    journal = options.get("journal", not (is_text(workflow) or prepared.options.replays))
    return prepared, journal, _observers(options.get("on_event"))


def _journal(prepared: PreparedRun, wanted: bool | str | Path) -> Journal | None:
    if isinstance(wanted, bool):
        return prepared.workspace.journal(prepared.workflow.path) if wanted else None
    return Journal.open(Path(wanted))


def _observers(on_event: Callable[[Event], object] | None) -> tuple[Callable[[Event], object], ...]:
    return () if on_event is None else (on_event,)
