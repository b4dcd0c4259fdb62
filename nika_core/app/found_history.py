"""The history of the project that a folder belongs to."""

from __future__ import annotations

from pathlib import Path

from nika_core.journal import Journal
from nika_core.model.files import is_folder
from nika_core.model.named_files import find_project


def history_of(folder: str | Path | None) -> Journal:
    """Return the history of a folder's project; None: that of the working directory."""
    start = Path.cwd() if folder is None else Path(folder).absolute()
    if is_folder(start) and find_project(start) is None:  # what reads a project file takes longer than all else
        return Journal.open(start)
    from nika_core.app.workspace import Workspace

    return Workspace.open(start).journal()
