"""`nika resume`: what is told of each task is true, and what is done again is said so, with its reason."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.app import prepared_run as preparing
from nika_core.app.prepared_run import PreparedRun, prepare_run

from .conftest import Nika

Write = Callable[[str, str], Path]


def test_each_task_says_whether_it_is_taken_over_or_done_again_and_why(nika: Nika, write: Write, folder: Path) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: long, shell: "head -c 70000 /dev/zero | tr '\\\\0' x"}
          - {id: kept, shell: "echo kept"}
          - {id: failed, shell: "echo {{kept}}; [ -e go ]"}
        """,
    )
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    shutil.rmtree(folder / ".nika" / "blobs")
    (folder / "go").touch()
    done = nika("resume", run)
    assert done.code == 0, done.err
    told = {line.split()[1]: line.split("  ")[-1].strip() for line in done.err.splitlines() if line[:1] in {"▶", "↻"}}
    assert told == {
        "long": "started: its output is lost: a file under .nika/blobs",
        "kept": "reused: its definition and what it is given are unchanged",
        "failed": "started: it had failed",
    }


def test_what_another_process_did_since_the_run_was_read_is_not_done_again(
    nika: Nika,
    start: Callable[..., subprocess.Popen[str]],
    write: Write,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: a, shell: "echo a >> done; [ -e go ]"}
          - {id: b, shell: "echo b >> done; echo {{a}}"}
        """,
    )
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    (folder / "go").touch()

    def overtaken(*arguments: Any, **options: Any) -> PreparedRun:
        other = start("resume", run)
        other.communicate(timeout=60)
        assert other.returncode == 0
        return prepare_run(*arguments, **options)

    monkeypatch.setattr(preparing, "prepare_run", overtaken)
    done = nika("resume", run, "--format", "json")
    assert done.code == 0, done.err
    assert [task["reused"] for task in done.json["tasks"]] == [True, True]
    assert (folder / "done").read_text().split() == ["a", "a", "b"]


def test_an_input_given_to_resume_holds_for_what_is_resumed_after_it(nika: Nika, write: Write, folder: Path) -> None:
    write(
        "w.nika.yaml",
        """\
        inputs: {x: {type: string, default: one}}
        tasks:
          - {id: a, shell: "echo ${input.x} | tee -a done"}
          - {id: b, shell: "echo {{a}}; [ -e go ]"}
        """,
    )
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    assert nika("resume", run, "-i", "x=two").code == 1
    (folder / "go").touch()
    assert nika("resume", run, "--format", "json").json["output"] == "two"
    assert (folder / "done").read_text() == "one\ntwo\n"
    assert nika("runs", "show", run, "--format", "json").json["inputs"] == {"x": "two"}


def test_a_workflow_that_is_gone_can_still_be_had_from_its_runs_history(nika: Nika, write: Write, folder: Path) -> None:
    path = write("w.nika.yaml", "tasks:\n  - {id: a, shell: 'false'}  # as it was\n")
    text = path.read_text()
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    path.unlink()
    gone = nika("resume", run)
    assert gone.code == 2
    assert f"`nika runs show {run} --format json` still has its text" in gone.err
    assert nika("runs", "show", run, "--format", "json").json["document"] == text
