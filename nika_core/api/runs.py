"""The history of runs: `nika.runs.list()`, `nika.runs.get(id)`, `nika.runs.remove(id)`."""

from __future__ import annotations

from pathlib import Path

from nika_core.app.recorded_runs import recorded_run, recorded_runs
from nika_core.app.results import RecordedRun
from nika_core.app.workspace import Workspace
from nika_core.journal import Journal


def get(run: str, *, folder: str | Path | None = None) -> RecordedRun:
    """Return a run with its tasks. Raise JournalError.

    Args:
        run: its id, or a unique beginning of it.
        folder: the folder whose project keeps the history; without it, the working directory.
    """
    return recorded_run(_journal(folder), run)


def remove(run: str, *, folder: str | Path | None = None) -> str:
    """Remove a run from the history and end what a killed process has left running of it; return its whole id.

    Args:
        run, folder: as for `get`.
    """
    from nika_core.app.execution import remove_run  # it loads the engine

    return remove_run(_journal(folder), run)


def path(*, folder: str | Path | None = None) -> Path:
    """Return the file of the history, whether or not it is there yet.

    Args:
        folder: as for `get`.
    """
    return _journal(folder).path


def list(*, folder: str | Path | None = None) -> tuple[RecordedRun, ...]:  # noqa: A001  # read as `nika.runs.list`
    """Return all runs, the newest first, without their tasks.

    Args:
        folder: as for `get`.
    """
    return recorded_runs(_journal(folder))


def _journal(folder: str | Path | None) -> Journal:
    return Workspace.open(None if folder is None else Path(folder)).journal()
