"""`nika` as a user calls it: in this process where only its words count, as a process where its life does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from nika_core.cli import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that people see; problems are the data of `validate`, and messages of other commands."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def tasks(self) -> dict[str, Any]:
        return {task["id"]: task for task in self.json["tasks"]}


Nika = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nika(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Nika:
    """Call the command line; no traceback may ever be seen."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["nika", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        captured = capfd.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Done(code, captured.out, captured.err)

    return call


@pytest.fixture
def write(folder: Path) -> Callable[[str, str], Path]:
    """Write a file of the working directory."""

    def write(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def start(folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start `nika` as a process of its own."""
    command = str(Path(sys.executable).with_name("nika"))

    def start(*arguments: object, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [command, *map(str, arguments)],
            cwd=folder,
            env=os.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
