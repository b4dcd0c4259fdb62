"""Fixtures for pytest, there wherever Nika is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nika_core.model.state import RunResult

__all__ = ["WorkflowUnderTest", "nika_trust", "nika_workflow"]


class WorkflowUnderTest:
    """A workflow in a test: `nika_workflow("review.nika.yaml")` returns one."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Name a workflow; nothing is read yet.

        Args:
            path: its file.
            folder: what relative recordings are relative to.
        """
        self.path = path
        self._folder = folder

    def run(
        self,
        *,
        inputs: Mapping[str, Any] | None = None,
        recording: str | Path | None = None,
        outputs: Mapping[str, Any] | None = None,
        errors: Mapping[str, Any] | None = None,
        answers: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> RunResult:
        """Run it without calling anything, and return how it ended.

        The test fails if the run asks for what the recording does not have. Raise NikaError if nothing could run.

        Args:
            inputs: of the workflow.
            recording: the folder of a recording to replay, relative to the file of the test; None: what no output is
                given for plays its part, as with `--mock`.
            outputs, errors: in place of what tasks do, by task.
            answers: to questions, by task.
            options: further ones of `nika_core.PlanOptions`, e.g. `environ` or `plugins`.
        """
        import nika_core as nika  # only a test that uses it waits for the import

        where = None if recording is None else self._folder / recording
        prepared = nika.prepare(
            self.path,
            inputs=inputs or {},
            recording=where,
            outputs=outputs,
            errors=errors,
            answers=answers,
            mock=True,
            **options,
        )
        execution = nika.start(prepared, journal=False)
        result = nika.run_to_end(nika.carry_out(execution))
        if execution.not_recorded:
            pytest.fail("\n\n".join(execution.not_recorded), pytrace=False)
        return result


@pytest.fixture
def nika_workflow(request: pytest.FixtureRequest) -> Callable[[str | Path], WorkflowUnderTest]:
    """Return a function that takes a workflow's file, relative to that of the test, for a run that calls nothing."""
    folder = request.path.parent
    return lambda path: WorkflowUnderTest(folder / path, folder)


@pytest.fixture
def nika_trust(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return a function that lets the project files in a folder, and in those below it, widen things in this test."""

    def trust(folder: Path) -> None:
        folders = [*filter(None, os.environ.get("NIKA_TRUST", "").split(os.pathsep)), str(folder)]
        monkeypatch.setenv("NIKA_TRUST", os.pathsep.join(folders))

    return trust
