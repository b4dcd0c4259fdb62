"""The history of runs: `nika.runs.list()`, `nika.runs.get(id)`, `nika.runs.remove(id)`, and `nika.signal(...)`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nika_core.app.found_history import history_of
from nika_core.app.recorded_runs import RECORDED_STATES, recorded_run, recorded_runs
from nika_core.app.results import RecordedRun, SentSignal, TaskPayload, TaskReason, Transcript
from nika_core.app.trust import trusted_by_variable
from nika_core.errors import UsageError
from nika_core.journal import RunSummary
from nika_core.model.events import Event
from nika_core.model.json import Json
from nika_core.model.question import OpenQuestion

if TYPE_CHECKING:
    from nika_core.app.following import FollowedRun
    from nika_core.app.workspace import Workspace
    from nika_core.model.state import RunResult


def get(run: str, *, folder: str | Path | None = None, large_outputs: bool = True) -> RecordedRun:
    """Return a run with its tasks. Raise JournalError.

    Args:
        run: its id, a unique beginning of it, or `last`.
        folder: the folder whose project keeps the history; without it, the working directory.
        large_outputs: whether outputs of more than 64 KiB are read, too: each of them is in a file of its own. Without
            them a task's JSON has `outputStart` in place of such an output: its first characters as `text`, and their
            number in all as `length`.
    """
    return recorded_run(history_of(folder), run, large_outputs=large_outputs)


def find(run: str, *, folder: str | Path | None = None) -> str:
    """Return the whole id of a run. Raise JournalError.

    Args:
        run, folder: as for `get`.
    """
    return history_of(folder).find(run)


def events(
    run: str, *, after: int = 0, folder: str | Path | None = None, large_outputs: bool = True
) -> tuple[Event, ...]:
    """Return what has happened in a run, in order, also in one that another process works on. Raise JournalError.

    Args:
        run, folder, large_outputs: as for `get`.
        after: only events with a greater `seq`, as for a program that goes on from the last one that it has.
    """
    recorded = history_of(folder).load(run, large=large_outputs)
    return tuple(event for event in recorded.events if event.seq > after)


def transcript(run: str, task: str | None = None, *, folder: str | Path | None = None) -> tuple[Transcript, ...]:
    """Return the conversations of a run with models, in the order in which they began. Raise JournalError.

    They are there as soon as a request is sent or a reply has come, also of a run that is under way or was killed. Runs
    of earlier versions, and on a backend, have none.

    Args:
        run: its id, a unique beginning of it, or `last`.
        task: only the conversations of the task of this id and of what is inside it; None: all.
        folder: as for `get`.
    """
    from nika_core.app.transcripts import conversations

    return conversations(history_of(folder), run, task)


def follow(run: str, *, folder: str | Path | None = None) -> FollowedRun:
    """Return a run to be followed by its history, whichever process works on it: `poll()` says what is new.

    Raise JournalError if there is no such run.

    Args:
        run, folder: as for `get`.
    """
    from nika_core.app.following import FollowedRun

    return FollowedRun(history_of(folder), run)


def remove(run: str, *, folder: str | Path | None = None) -> str:
    """Remove a run from the history and end what a killed process has left running of it; return its whole id.

    Args:
        run, folder: as for `get`.
    """
    from nika_core.app.run_processes import remove_run  # it loads the engine

    workspace = _workspace(folder)
    journal = workspace.journal()
    return remove_run(journal, run, trusted=trusted_by_variable(workspace.environ, journal.path) is True)


def kept_result(run: str, *, folder: str | Path | None = None) -> RunResult | None:
    """Return how a run that was started with a `key` has ended; None: it has not, had no key, or it held a secret.

    Raise JournalError.

    Args:
        run, folder: as for `get`.
    """
    from nika_core.app.single_start import stored_result

    return stored_result(history_of(folder), run)


def why(run: str, task: str, *, folder: str | Path | None = None) -> TaskReason:
    """Return why a task of a run ran, was reused or was skipped, and what differs from the run before.

    Args:
        run, folder: as for `get`.
        task: its id, also of an item, a round or an inner task: `review[3]`, or `review.3`.

    Raises:
        JournalError: there is no such run.
        UsageError: the run has no such task.
    """
    from nika_core.app.task_reasons import task_reason

    return task_reason(history_of(folder), run, task)


def payload(run: str, task: str, *, folder: str | Path | None = None) -> TaskPayload:
    """Return what a task of a run was given: its payload with the references filled in, masked.

    History has the hash of a payload only. The payload is made again from what the run was started with and from the
    outputs before it, and returned only if its hash is the recorded one: `problem` says why it cannot be told.

    Args:
        run, folder: as for `get`.
        task: its id, also of an item, a round or an inner task: `review[3]`, or `review.3`.

    Raises:
        JournalError: there is no such run.
        UsageError: the run has no such task.
    """
    from nika_core.app.task_payloads import task_payload

    return task_payload(_workspace(folder), history_of(folder), run, task)


def record(run: str, *, to: str | Path | None = None, folder: str | Path | None = None) -> Path:
    """Make a test file of a run, and return its path: its case gives the workflow what the run was given.

    What tasks gave stands in for them, an error for those that failed, and the test expects that the run ends in the
    same way. Secrets are masked, as in the history.

    Args:
        run, folder: as for `get`.
        to: the test file; without it, it lies beside the workflow.

    Raises:
        JournalError: there is no such run.
        UsageError: the run has not ended, or the file is there already.
    """
    from nika_core.app.cases.from_history import write_test

    recorded = get(run, folder=folder)
    return write_test(recorded, _workspace(folder), None if to is None else Path(to))


def signal(run: str, task: str, payload: Json = None, *, folder: str | Path | None = None) -> SentSignal:
    """Give a task what it waits for, as `nika signal` does: written durably to the history of its run.

    A process that works on the run takes it within a second; otherwise `resume` does.

    Args:
        run: the run's id, a unique beginning of it, or `last`.
        task: the task's id.
        payload: JSON; the task finds it in `StepContext.signals`.
        folder: as for `runs.get`.

    Raises:
        JournalError: there is no such run.
        UsageError: there is no such task, the run or the task has ended, the task was given another payload before, or
            the payload is too large.
    """
    from nika_core.app.signalling import send_signal

    return send_signal(_workspace(folder), run, task, payload)


def questions(run: str | None = None, *, folder: str | Path | None = None) -> tuple[OpenQuestion, ...]:
    """Return the questions that a run asks people, or all runs of the project. Raise JournalError.

    Args:
        run: its id, a unique beginning of it, or `last`; None: all runs, the newest first.
        folder: as for `runs.get`.
    """
    from nika_core.app.answering import open_questions

    return open_questions(history_of(folder), run)


def answer(
    run: str, task: str, answer: Json, *, digest: str | None = None, folder: str | Path | None = None
) -> SentSignal:
    """Answer the question of a task, as `nika answer` does: written durably to the history of its run.

    A process that works on the run takes it within a second; otherwise `resume` does.

    Args:
        run: the run's id, a unique beginning of it, or `last`.
        task: the task's id.
        answer: True or False, or the fields of the question's form; texts are read as the declared types.
        digest: the digest of the question that was shown: an answer to another one is refused. None: the question as
            it is now.
        folder: as for `runs.get`.

    Raises:
        JournalError: there is no such run.
        UsageError: the task asks nothing, or no longer; the answer does not fit; or another one was given before.
    """
    from nika_core.app.answering import send_answer

    workspace = _workspace(folder)
    with workspace.journal() as journal:
        return send_answer(workspace, journal, run, task, answer, digest=digest, how="nika answer")


def path(*, folder: str | Path | None = None) -> Path:
    """Return the file of the history, whether or not it is there yet.

    Args:
        folder: as for `get`.
    """
    return history_of(folder).path


def list(  # noqa: A001  # read as `nika.runs.list`
    *,
    status: Iterable[str] = (),
    workflow: str | None = None,
    older_than: float | None = None,
    newer_than: float | None = None,
    last: int | None = None,
    folder: str | Path | None = None,
) -> tuple[RecordedRun, ...]:
    """Return the runs, the newest first, without their tasks but for those that wait. Raise JournalError, UsageError.

    Args:
        status: only runs with one of these: `succeeded`, `failed`, `cancelled`, `paused`, `interrupted`, `running`,
            `damaged`.
        workflow: only runs of the workflow of this name.
        older_than, newer_than: only runs that began so many seconds ago, or longer; or less.
        last: only the newest of these runs, so many.
        folder: as for `get`.
    """
    wanted = frozenset(map(str, status))
    if unknown := sorted(wanted - RECORDED_STATES):
        raise UsageError(f"no run has the status '{unknown[0]}'", hint=f"one of {', '.join(sorted(RECORDED_STATES))}")
    now = time.time()

    def selected(run: RunSummary) -> bool:
        age = now - run.started
        return (
            (not wanted or run.status in wanted)
            and (workflow is None or run.workflow == workflow)
            and (older_than is None or age >= older_than)
            and (newer_than is None or age < newer_than)
        )

    return recorded_runs(history_of(folder), selected, last)


def _workspace(folder: str | Path | None) -> Workspace:
    from nika_core.app.workspace import Workspace

    return Workspace.open(None if folder is None else Path(folder))
