"""Checks of a project template: the project that it makes is valid, and its workflow runs without keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_core.errors import NikaError
from nika_core.model.project import FILE_NAME
from nika_core.testing.errors import NotConformant, require

MADE: Final = "made"
VALID: Final = "valid"
RUNS: Final = "runs"


def check_project(word: str, folder: Path) -> None:
    """Check that `nika init` makes the project in an empty folder, and that all workflows in it are valid.

    Raises:
        NotConformant: with the first problem, a warning too.
    """
    workspace = _make(word, folder)
    for path in sorted(workspace.project_folder.rglob("*.nika.yaml")):
        try:
            problem = next(iter(nika.validate(path, workspace=workspace).problems), None)
        except NikaError as error:  # of the project file
            raise NotConformant(VALID, error.message) from error
        require(problem is None, VALID, f"{path.relative_to(workspace.project_folder)}: {problem and problem.message}")


def check_project_runs(word: str, folder: Path, inputs: Mapping[str, Any]) -> None:
    """Check that the workflow which `nika run` runs in the project ends well with `--mock`: no key, no effects.

    A run that asks a person has also ended well.

    Args:
        inputs: the values of inputs that have no default.

    Raises:
        NotConformant: with how it ended.
    """
    workspace = _make(word, folder)
    main = workspace.project.main
    if main is None:
        raise NotConformant(RUNS, f"its {FILE_NAME} does not name a workflow: `main: {word}.nika.yaml`")
    try:
        result = nika.run(folder / str(main), inputs=dict(inputs), mock=True, journal=False, workspace=workspace)
    except NikaError as error:
        raise NotConformant(RUNS, error.message) from error
    ended = {nika.RunStatus.SUCCEEDED, nika.RunStatus.PAUSED}
    failures = [f"{task.id}: {task.failure.message}" for task in result.tasks if task.failure]
    require(result.status in ended, RUNS, f"its run has {result.status.value}: {'; '.join(failures)[:300]}")


def _make(word: str, folder: Path) -> nika.Workspace:
    """Make the project, and return it opened as one that is trusted: its author makes it here."""
    try:
        nika.init(folder, template=word)
        return nika.Workspace.open(folder)
    except NikaError as error:
        raise NotConformant(MADE, error.message) from error
