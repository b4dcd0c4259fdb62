"""`nika` that asks and answers: called in this process, or started as one that goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nika_core.cli import main

from ..signals.conftest import Done, LiveRun, Project


@dataclass
class CalledHere(Project):
    """A project whose `nika` is called in this process, which has imported everything: a process takes a second."""

    monkeypatch: pytest.MonkeyPatch = field(kw_only=True)
    capfd: pytest.CaptureFixture[str] = field(kw_only=True)

    def nika(self, *arguments: str) -> Done:
        if "PYTHONPATH" in self.environ:  # plugins that this process has not found
            return super().nika(*arguments)
        with self.monkeypatch.context() as patched:
            patched.chdir(self.folder)
            patched.setattr(sys, "argv", ["nika", *arguments])
            for name in os.environ.keys() - self.environ.keys():
                patched.delenv(name)
            for name, value in self.environ.items():
                patched.setenv(name, value)
            self.capfd.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = self.capfd.readouterr()
        assert "Traceback" not in out + err
        return Done(int(ended.value.code or 0), out, err)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
    return CalledHere(folder, {**environ, "NO_COLOR": "1"}, monkeypatch=monkeypatch, capfd=capfd)


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
