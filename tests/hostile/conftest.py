"""Hostile and unlucky plugins: hand-made distributions on PYTHONPATH, and `nika` as a real process beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

GOOD = """
from strictyaml import Map, Str
from nika_core.plugin import Effect, Estimate, Explanation, Facets, Keyword, StepOutput, hookimpl
import asyncio, os, sys, time
NIKA_API = 1
with open(os.environ["MARKER"], "a") as marker:
    marker.write(__name__ + "\\n")
class F(Facets):
    pass
class Step:
    async def run(self, payload, context):
        return payload["text"]
def keyword(name="bad", **more):
    given = {"summary": "A test.", "primary": "text", "payload": Map({"text": Str()}), "step": "acme_bad:Step",
             "facets": "acme_bad:F"}
    return Keyword(name=name, **{**given, **more})
@hookimpl
def nika_task_keywords():
    return [keyword()]
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
class Place:
    """A folder to work in, and a folder of plugins beside it."""

    folder: Path
    site: Path
    environ: dict[str, str] = field(default_factory=dict)

    def install(
        self,
        distribution: str = "acme-bad",
        version: str = "6.6",
        points: Any = None,
        metadata: str = "",
        **modules: str,
    ) -> None:
        """Without entry points: the keyword `bad` of the module `acme_bad`."""
        info = self.site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        about = metadata or f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(about)
        groups = points if points is not None else {"keywords": {"bad": "acme_bad"}}
        lines = []
        for group, entries in groups.items():
            lines += [f"[nika.{group}]", *(f"{word} = {module}" for word, module in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for name, text in modules.items():
            (self.site / f"{name}.py").write_text(dedent(text))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(dedent(text))

    @property
    def imported(self) -> list[str]:
        """The modules that were imported since the last look."""
        marker = self.folder / "marker"
        found = marker.read_text().split() if marker.exists() else []
        marker.unlink(missing_ok=True)
        return found

    def nika(self, *arguments: str, timeout: float = 120, **environ: str) -> Done:
        """No traceback may ever be seen."""
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "NO_COLOR": "1",
            "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MARKER": str(self.folder / "marker"),
            **self.environ,
            **environ,
        }
        command = [str(Path(sys.executable).with_name("nika")), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def status(self, done: Done, word: str = "bad") -> dict[str, Any]:
        """What `plugins list|check --format json` says of a word (of its first offer)."""
        found: dict[str, Any] = next(each for each in done.json["plugins"] if each["word"] == word)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "work", tmp_path / "site")
    made.folder.mkdir()
    made.site.mkdir()
    made.write("innocent.nika.yaml", "tasks:\n  - {id: a, shell: echo fine}\n")
    made.write("uses.nika.yaml", "tasks:\n  - {id: a, shell: echo fine}\n  - {id: b, bad: hello}\n")
    return made
