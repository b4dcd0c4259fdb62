"""Which runs were submitted from a folder to which backend, so that commands know where a run is.

It is kept with the user's own files, not in the folder: what comes with a folder must not say where keys are sent.
Each line says something of one run, and the last word counts. A line that cannot be read hides no other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nika_core.model.files import FileError, read_file
from nika_core.model.json import JsonObject
from nika_core.model.user_folders import user_folder
from nika_core.values import dataclass

if TYPE_CHECKING:
    from nika_core.journal import Journal

_NAME: Final = "backend-runs.jsonl"
_MOST: Final = 64 * 1024 * 1024  # bytes
_TEXTS: Final = ("run", "url", "folder", "workflow", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedRun:
    """A run that was submitted from here.

    Attributes:
        run_id: its id.
        url: the backend's address.
        workflow: the workflow's name.
        submitted_at: in seconds since the epoch.
        status: what is known of it here: "running" until somebody has seen how it ended.
        shared: the folder that the machines share; None: there is none.
    """

    run_id: str
    url: str
    workflow: str
    submitted_at: float
    status: str = "running"
    shared: str | None = None


class RunIndex:
    """The runs of one folder.

    Args:
        kept_in: the folder of the user's own files.
        folder: the project's, or that of a lone workflow.
    """

    def __init__(self, kept_in: Path, folder: Path) -> None:
        self._path = kept_in / _NAME
        self._folder = os.path.realpath(folder)

    def add(self, run: SubmittedRun) -> None:
        """Note a run. Raise OSError."""
        self._append(
            {
                "run": run.run_id,
                "folder": self._folder,
                "url": run.url,
                "workflow": run.workflow,
                "at": run.submitted_at,
                "status": run.status,
                "shared": run.shared,
            }
        )

    def note(self, *, run_id: str, url: str, workflow: str, submitted_at: float, shared: str | None) -> None:
        """Note a run that has just been submitted, as `SubmittedRun` has it. Raise OSError."""
        self.add(SubmittedRun(run_id=run_id, url=url, workflow=workflow, submitted_at=submitted_at, shared=shared))

    def note_status(self, run_id: str, status: str) -> None:
        """Note how a run stands, if it was submitted from here. Raise OSError."""
        if any(run.run_id == run_id and run.status != status for run in self.runs()):
            self._append({"run": run_id, "status": status})

    def _append(self, values: JsonObject) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = json.dumps(values, ensure_ascii=True).encode() + b"\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            os.write(handle, line)  # one call: lines of several processes do not mix
        finally:
            os.close(handle)

    def runs(self) -> list[SubmittedRun]:
        """Return the runs, the newest first."""
        known: dict[str, dict[str, Any]] = {}
        for line in self._lines():
            with suppress(ValueError):
                values = json.loads(line)
                if isinstance(values, dict) and isinstance(run := values.get("run"), str):
                    known[run] = {**known.get(run, {}), **values}
        found = [_run(values) for values in known.values() if _is_whole(values) and values["folder"] == self._folder]
        return sorted(found, key=lambda run: run.submitted_at, reverse=True)

    def find(self, run: str) -> SubmittedRun | None:
        """Return the one run whose id is this, or begins with it; None: there is none, or several."""
        runs = self.runs()
        exact = [each for each in runs if each.run_id == run]
        found = exact or [each for each in runs if each.run_id.startswith(run)]
        return found[0] if len(found) == 1 else None

    def _lines(self) -> list[bytes]:
        try:
            return read_file(self._path, _MOST).splitlines()
        except FileError:
            return []


def _is_whole(values: Mapping[str, Any]) -> bool:
    texts = all(isinstance(values.get(name), str) for name in _TEXTS)
    return texts and isinstance(values.get("at"), int | float) and isinstance(values.get("shared"), str | None)


def _run(values: Mapping[str, Any]) -> SubmittedRun:
    return SubmittedRun(
        run_id=values["run"],
        url=values["url"],
        workflow=values["workflow"],
        submitted_at=values["at"],
        status=values["status"],
        shared=values["shared"],
    )


def run_index(environ: Mapping[str, str], history: Journal) -> RunIndex:
    """Return the index of the folder that has this history."""
    return RunIndex(user_folder(environ, "XDG_STATE_HOME"), history.folder)
