"""A keyword of a third party that waits for a callback, and `nika` as processes that use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

NIKA = str(Path(sys.executable).with_name("nika"))
MODULE = """
from nika_core.plugin import Facets, Keyword, Step, WaitFor, fields, hookimpl

NIKA_API = 1


class CallbackStep(Step):
    async def run(self, payload, context):
        with (context.folder / "steps").open("a") as steps:
            steps.write(context.task_id + "\\n")
        key = payload["key"]
        if key in context.signals:
            return {"received": context.signals[key]}
        has_default = "default" in payload
        return WaitFor(
            key,
            {"message": payload["message"]},
            seconds=payload.get("seconds"),
            patience=payload["patience"],
            default=payload.get("default"),
            has_default=has_default,
        )


@hookimpl
def nika_task_keywords():
    payload = {
        "key": fields.field(fields.Str(), "What is waited for."),
        "message": fields.field(fields.Str(), "For people.", default="somebody has to answer"),
        "patience": fields.field(fields.Float(), "Seconds until the run pauses.", default=0.0),
        fields.Optional("seconds"): fields.field(fields.Float(), "Seconds until it is too late."),
        fields.Optional("default"): fields.field(fields.Str(), "Taken then."),
    }
    return [
        Keyword(name="callback", summary="Waits for a callback.", primary="key", payload=fields.Map(payload),
                step="acme_callback:CallbackStep", facets="nika_core.plugin:Facets")
    ]
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def tasks(self) -> dict[str, Any]:
        return {task["id"]: task for task in self.json["tasks"]}


@dataclass
class Project:
    """A folder with a workflow, and the plugin on PYTHONPATH beside it."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, tasks: str) -> None:
        (self.folder / "w.nika.yaml").write_text(f"tasks:\n{dedent(tasks)}")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [NIKA, *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def nika(self, *arguments: str) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in out + err
        return Done(process.returncode, out, err)

    @property
    def steps(self) -> list[str]:
        """The tasks whose step was run, once for each time."""
        return (self.folder / "steps").read_text().split()


@dataclass
class LiveRun:
    """A run that goes on in a process of its own."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def until(self, event: str, task: str) -> None:
        """Read its events up to this one."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if (self.events[-1]["event"], self.events[-1].get("task")) == (event, task):
                return
        raise AssertionError(f"the run ended without {event} of {task}: {self.process.stderr.read()}")  # type: ignore[union-attr]  # it is a pipe

    def end(self) -> Any:
        """Return its result."""
        out, err = self.process.communicate(timeout=60)
        self.events += map(json.loads, out.splitlines())
        assert "Traceback" not in err
        return self.events[-1]["data"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    site = tmp_path / "site"
    info = site / "acme_callback-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-callback\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.keywords]\ncallback = acme_callback\n")
    (site / "acme_callback.py").write_text(MODULE)
    folder = tmp_path / "project"
    folder.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
    return Project(folder, {**environ, "PYTHONPATH": str(site), "NO_COLOR": "1"})


@pytest.fixture
def live(project: Project) -> Iterator[Callable[..., LiveRun]]:
    """Start a run; it is killed at the end of the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> LiveRun:
        processes.append(project.start(*(arguments or ("run", "w.nika.yaml")), "--format", "jsonl"))
        return LiveRun(processes[-1])

    yield start
    for process in processes:
        process.kill()
        process.communicate()
