"""Checks of a project template: the project that it makes is valid, and its workflow runs without keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    with _made(word, folder) as workspace:
        for path in sorted(workspace.project_folder.rglob("*.nika.yaml")):
            try:
                problem = next(iter(nika.validate(path, workspace=workspace).problems), None)
            except NikaError as error:  # of the project file
                raise NotConformant(VALID, error.message) from error
            where = path.relative_to(workspace.project_folder)
            require(problem is None, VALID, f"{where}: {problem and problem.message}")


def check_project_runs(word: str, folder: Path, inputs: Mapping[str, Any]) -> None:
    """Check that the workflow which `nika run` runs in the project ends well with `--mock`: no key, no effects.

    A run that asks a person has also ended well.

    Args:
        inputs: the values of inputs that have no default.

    Raises:
        NotConformant: with how it ended.
    """
    with _made(word, folder) as workspace:
        main = workspace.project.main
        if main is None:
            raise NotConformant(RUNS, f"its {FILE_NAME} does not name a workflow: `main: {word}.nika.yaml`")
        path = workspace.project_folder / str(main)
        try:
            result = nika.run(path, inputs=dict(inputs), mock=True, journal=False, workspace=workspace)
        except NikaError as error:
            raise NotConformant(RUNS, error.message) from error
    ended = {nika.RunStatus.SUCCEEDED, nika.RunStatus.PAUSED}
    failures = [f"{task.id}: {task.failure.message}" for task in result.tasks if task.failure]
    require(result.status in ended, RUNS, f"its run has {result.status.value}: {'; '.join(failures)[:300]}")


@contextmanager
def _made(word: str, folder: Path) -> Iterator[nika.Workspace]:
    """Make the project, open it, and forget in the end that it is trusted: the folder of a test is soon another's."""
    try:
        nika.init(folder, template=word)
        workspace = nika.Workspace.open(folder)
    except NikaError as error:
        raise NotConformant(MADE, error.message) from error
    try:
        yield workspace
    finally:
        nika.forget_trust(folder=folder)
