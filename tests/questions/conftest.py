"""`nika` as processes that ask, and that answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..signals.conftest import LiveRun, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
    return Project(folder, {**environ, "NO_COLOR": "1"})


@pytest.fixture
def live(project: Project) -> Iterator[Callable[..., LiveRun]]:
    """Start a run that goes on; it is killed at the end of the test."""
    started: list[LiveRun] = []

    def start(*arguments: str) -> LiveRun:
        started.append(LiveRun(project.start(*(arguments or ("run", "w.nika.yaml")), "--format", "jsonl")))
        return started[-1]

    yield start
    for run in started:
        run.process.kill()
        run.process.communicate()
