"""Runs on a backend: `nika.backends.connect(url)`, and what a program needs to submit, follow and answer one."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nika_core.model.events import Event
from nika_core.model.json import Json, JsonObject
from nika_core.model.question import OpenQuestion
from nika_core.model.state import RunResult

if TYPE_CHECKING:
    from nika_core.app.backend.earlier_run import EarlierRun as EarlierRun
    from nika_core.app.backend.run_index import RunIndex as RunIndex
    from nika_core.app.backend.run_index import SubmittedRun as SubmittedRun
    from nika_core.app.prepared_run import PreparedRun
    from nika_core.app.results import RecordedRun
    from nika_core.app.workspace import Workspace
    from nika_core.plugin import RunUpdate, Submission
    from nika_core.registry.guarded_backend import GuardedRunBackend


def connect(
    url: str,
    *,
    workspace: Workspace | None = None,
    shared: Path | None = None,
    notice: Callable[[str], None] | None = None,
) -> GuardedRunBackend:
    """Return a backend (`nika_core.plugin.Backend`); nothing is sent yet. Raise UsageError if there is none.

    Args:
        url: its address, e.g. `temporal://localhost:7233/default`.
        workspace: an opened project; without it, that of the working directory.
        shared: a folder that this machine and all workers share, with the same path.
        notice: is told what a user should know.
    """
    from nika_core.app.backend.client import open_backend

    return open_backend(_opened(workspace), url, shared=shared, notice=notice)


def keywords(*, workspace: Workspace | None = None) -> tuple[str, ...]:
    """Return the keywords that work on this machine, by name.

    Args:
        workspace: as for `connect`.
    """
    from nika_core.app.backend.kernel import Kernel

    return tuple(Kernel(_opened(workspace)).keywords())


def index(*, workspace: Workspace | None = None, workflow: Path | None = None) -> RunIndex:
    """Return which runs were submitted to backends from a folder, as far as the command line or a program has noted it.

    Args:
        workspace: as for `connect`.
        workflow: the file of a workflow that lies elsewhere.
    """
    from nika_core.app.backend.run_index import run_index
    from nika_core.app.found_history import history_of

    if workspace is None and workflow is None:
        return run_index(os.environ, history_of(None))
    workspace = _opened(workspace)
    return run_index(workspace.environ, workspace.journal(workflow))


def worker_version(*, workspace: Workspace | None = None) -> str:
    """Return the version of a worker on this machine: a run stays with those of the version that it began with.

    Args:
        workspace: as for `connect`.
    """
    from nika_core.app.backend.kernel import Kernel

    return Kernel(_opened(workspace)).version()


def submission(
    prepared: PreparedRun, *, url: str | None = None, shared: Path | None = None, earlier: EarlierRun | None = None
) -> Submission:
    """Return a run to be submitted.

    Args:
        prepared: what `prepare` returned for `elsewhere`.
        url: the backend's address: with it, notices of questions have a command that works anywhere.
        shared: as for `connect`.
        earlier: the run that it resumes (`nika.backends.earlier`).

    Raises:
        RefusedError: a limit, a budget or a policy refuses the run, as on this machine.
        UsageError: something of it cannot travel, e.g. a secret.
    """
    from nika_core.app.admission import check_admission
    from nika_core.app.backend.client import submission_of

    check_admission(prepared)
    return submission_of(prepared, url=url, shared=shared, earlier=earlier)


def earlier(
    definition: JsonObject,
    events: Iterable[JsonObject],
    *,
    inputs: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    rerun_from: str | None = None,
    workflow: Path | None = None,
) -> EarlierRun:
    """Return a run that another one is to resume: prepare its `path` with its `options`, and submit that with it.

    Args:
        definition: what `Backend.definition` returned.
        events: all that `Backend.events` yielded.
        inputs, timeout, workflow: in place of the earlier ones; the workflow is the path of its file here.
        rerun_from: run this task again, and all that depend on it; also e.g. `review[3]`.

    Raises:
        UsageError: the workflow is not on this machine, an event is missing (no worker could tell it), or
            `rerun_from` is not an id.
    """
    from nika_core.app.backend.earlier_run import EarlierRun

    return EarlierRun.of(definition, events, inputs=inputs, timeout=timeout, rerun_from=rerun_from, workflow=workflow)


def prepared(definition: JsonObject, *, workspace: Workspace | None = None) -> PreparedRun:
    """Return a run as it was submitted, to be shown. Raise NikaError if a plugin of it is not installed here.

    Args:
        definition: what `Backend.definition` returned.
        workspace: as for `connect`.
    """
    from nika_core.app.backend.kernel import Kernel

    return Kernel(_opened(workspace)).opened(definition)


def event(run: str, data: JsonObject) -> Event:
    """Return an event of a `RunUpdate`.

    Args:
        run: the run's id.
        data: one of `RunUpdate.events`.
    """
    from nika_core.app.backend.client import event_of

    return event_of(run, data)


def as_recorded(
    definition: JsonObject,
    events: Iterable[JsonObject],
    result: JsonObject | None = None,
    *,
    large_outputs: bool = True,
) -> RecordedRun:
    """Return a run with its tasks, in the form in which `runs.get` returns those of this machine. Raise UsageError.

    Args:
        definition: what `Backend.definition` returned.
        events: those of all `RunUpdate`s so far, in order.
        result: the last `RunUpdate.result`; None: the run goes on.
        large_outputs: as for `runs.get`.
    """
    from nika_core.app.backend.recorded_run import recorded_run_of

    return recorded_run_of(definition, events, result, large_outputs=large_outputs)


def result(data: JsonObject) -> RunResult:
    """Return how a run ended.

    Args:
        data: `RunUpdate.result`, or what `Backend.result` returned.
    """
    from nika_core.engine.core.results_json import run_result_of

    return run_result_of(data)


def observed(
    prepared: PreparedRun,
    run: str,
    updates: AsyncIterable[RunUpdate],
    notice: Callable[[str], None] | None = None,
) -> AsyncGenerator[RunUpdate, None]:
    """Return the same updates, and show the observers of the project the events in them.

    Close it (`contextlib.aclosing`) if you leave it before its end: then the observers are closed.

    Args:
        prepared: the run, as it was submitted.
        run: its ID.
        updates: `Backend.events`, from the beginning of the run.
        notice: is told what an observer has not taken note of.

    Raises:
        NikaError: from the iteration; the settings of an observer are wrong.
    """
    from nika_core.app.backend.observed_run import with_observers

    return with_observers(prepared, run, updates, notice)


def paused(run: str, workflow: str, waiting: Iterable[JsonObject]) -> RunResult:
    """Return the result of a run that does nothing but wait.

    Args:
        run, workflow: its id and the workflow's name.
        waiting: `RunUpdate.waiting`.
    """
    from nika_core.app.backend.client import paused_result

    return paused_result(run, workflow, tuple(waiting))


def questions_in(run: str, workflow: str, waiting: Iterable[JsonObject]) -> tuple[OpenQuestion, ...]:
    """Return the questions among what a run waits for.

    Args:
        run, workflow, waiting: as for `paused`.
    """
    from nika_core.app.backend.client import waiting_questions

    return waiting_questions(run, workflow, tuple(waiting))


def answer_to(asked: OpenQuestion, answer: Json, *, workspace: Workspace | None = None) -> JsonObject:
    """Return the signal that answers a question, for `Backend.signal`. Raise UsageError if the answer does not fit.

    Args:
        asked: one of `questions_in`.
        answer: True or False, or the fields of the question's form; texts are read as the declared types.
        workspace: as for `connect`.
    """
    from nika_core.app.backend.client import answer_signal
    from nika_core.app.signalling import sender_here

    return answer_signal(_opened(workspace), asked, answer, sender_here("nika answer"))


def signal_to(
    task: str, payload: Json, definition: JsonObject, wait: JsonObject | None, *, workspace: Workspace | None = None
) -> JsonObject:
    """Return a signal for what a task waits for, for `Backend.signal`. Raise UsageError if it cannot be delivered.

    Args:
        task: the id of a task, an item or a round.
        payload: what the task is given.
        definition: what `Backend.definition` returned.
        wait: what the task waits for, one of `RunUpdate.waiting`; None: nothing yet, and it is given to it later.
        workspace: as for `connect`.
    """
    from nika_core.app.backend.client import plain_signal
    from nika_core.app.signalling import sender_here

    return plain_signal(_opened(workspace), task, payload, definition, wait, sender_here())


def _opened(workspace: Workspace | None) -> Workspace:
    if workspace is not None:
        return workspace
    from nika_core.app.workspace import Workspace

    return Workspace.open()
