"""Standard streams that are closed, full or no longer read: the run goes on, and what cannot be said is said so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def shell(folder: Path, command: str) -> "subprocess.CompletedProcess[str]":
    start = f"{sys.executable} -c 'from nika_core.cli import main; main()'"
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("nika", start, 1)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo hi; echo done > done}\n")
    return tmp_path


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_data_reaches_stdout_whatever_became_of_the_others(flow: Path, closed: str) -> None:
    done = shell(flow, f"nika run w.nika.yaml {closed}")
    assert (done.returncode, done.stdout) == (0, "hi\n")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_closed_stdout_is_a_place_that_nobody_looks_at(flow: Path, closed: str) -> None:
    done = shell(flow, f"nika run w.nika.yaml {closed}")
    assert done.returncode == 0
    assert "hi" not in done.stderr
    assert (flow / "done").exists()
    assert shell(flow, "nika runs list").stdout.count("succeeded") == 1  # the journal was not written to as stdout


@pytest.mark.parametrize("format_", ["pretty", "json", "jsonl"])
def test_a_stdout_that_is_full_is_told_and_is_no_fault_of_nika(flow: Path, format_: str) -> None:
    done = shell(flow, f"nika run w.nika.yaml --format {format_} >/dev/full")
    assert done.returncode == 1
    assert "cannot be written to stdout" in done.stderr
    assert "NIKA-089" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("command", ["run w.nika.yaml --no-journal", "validate w.nika.yaml", "plan w.nika.yaml"])
def test_json_is_json_in_whatever_encoding_stdout_has(flow: Path, command: str, encoding: str) -> None:
    (flow / "w.nika.yaml").write_text("name: café 🚀\ntasks:\n  - {id: a, shell: 'echo é 🚀'}\n", encoding="utf-8")
    start = [sys.executable, "-c", "from nika_core.cli import main; main()", *command.split(), "--format", "json"]
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(start, cwd=flow, capture_output=True, timeout=60, check=False, env=environ)
    assert isinstance(json.loads(done.stdout.decode(encoding)), dict)
    if command.startswith("run"):
        assert json.loads(done.stdout.decode(encoding))["tasks"][0]["output"] == "é 🚀"
