"""`nika test` as a user calls it: what it prints, its exit codes, its report for CI, the question before it spends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from nika_core.testing import call_nika

FLOW = 'tasks:\n  - {id: it, shell: "echo x >> called; echo hello"}\n'
CASES = """\
recording: rec
cases:
  - {name: says hello, expect: [{contains: hello}]}
  - {name: "says <bye>", outputs: {it: bye}, expect: [{equals: bye}, {status: succeeded}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.nika.yaml").write_text(FLOW)
    (tmp_path / "flow.nika.test.yaml").write_text(CASES)
    return tmp_path


def test_a_suite_is_recorded_with_consent_only_and_then_replayed_for_nothing(folder: Path):
    asked = call_nika("test", "--update", folder=folder)
    assert asked.returncode == 2
    assert "2 cases would run for real, with all effects: at least $0.00, at most $0.00" in asked.stderr
    assert "--update asks before it spends" in asked.stderr
    assert not (folder / "called").exists()
    assert call_nika("test", "--update", "--yes", folder=folder).returncode == 0
    assert (folder / "called").read_text() == "x\n"
    done = call_nika("test", folder=folder)
    assert (done.returncode, done.stdout.count("✓")) == (0, 2)
    assert done.stdout.endswith("2 cases: all passed\n")
    assert (folder / "called").read_text() == "x\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize(("answer", "code", "called"), [("n\n", 3, False), ("y\n", 0, True)])
def test_in_a_terminal_the_cost_is_shown_and_nothing_is_recorded_before_a_yes(
    answer: str, code: int, called: bool, folder: Path
):
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", "nika_core", "test", "--update"],
            cwd=folder, stdin=terminal, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(keyboard)
    shown, question, _ = done.stderr.partition("Record them anew?")
    assert "2 cases would run for real, with all effects: at least $0.00, at most $0.00" in shown
    assert question
    assert (done.returncode, (folder / "called").exists()) == (code, called)


def test_what_differs_exits_with_1_and_is_in_every_report(folder: Path):
    call_nika("test", "--update", "--yes", folder=folder)
    (folder / "flow.nika.yaml").write_text(FLOW.replace("echo hello", "echo hallo"))
    (folder / "flow.nika.test.yaml").write_text(CASES.replace("equals: bye", "equals: hi"))
    done = call_nika("test", "--junit", "report.xml", folder=folder)
    assert done.returncode == 1
    assert 'flow.nika.test.yaml:4:56: equals: it is "bye"' in done.stdout
    assert "-hi\n      +bye" in done.stdout
    assert "[NIKA-110] `it` asks for what the recording in rec does not have" in done.stdout
    suite = ET.parse(folder / "report.xml").getroot()[0]  # it was written just now
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "1")
    assert [case[0].tag for case in suite] == ["error", "failure"]
    assert suite[1].get("name") == "says <bye>"
    found = json.loads(call_nika("test", "--format", "json", folder=folder).stdout)
    assert [case["passed"] for case in found["cases"]] == [False, False]
    assert found["cases"][1]["faults"][0]["place"] == "flow.nika.test.yaml:4:56"


def test_what_makes_no_sense_exits_with_2_and_says_what(folder: Path):
    for arguments, message in (
        (["--yes"], "--yes is for --update"),
        (["gone.nika.test.yaml"], "there is no such file"),
        (["flow.nika.yaml"], "flow.nika.yaml is not a test file"),
        (["--junit", "no/such/folder.xml"], "--junit no/such/folder.xml"),
        (["--update", "--yes", "--junit", "."], "--junit .: Is a directory"),
        (["--upate"], "--upate"),
    ):
        done = call_nika("test", *arguments, folder=folder)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
        assert not (folder / "called").exists()
    (folder / "flow.nika.test.yaml").write_text("cases:\n  - {name: a, expect: [{task: itt, state: success}]}\n")
    done = call_nika("test", folder=folder)
    assert done.returncode == 2
    assert "flow.nika.test.yaml:2:36" in done.stderr
    assert "did you mean `it`?" in done.stderr


def test_a_run_in_the_history_becomes_a_test(folder: Path):
    call_nika("run", "flow.nika.yaml", folder=folder)
    made = call_nika("runs", "record", "--to", "made.nika.test.yaml", folder=folder)
    assert (made.returncode, made.stdout.strip()) == (0, "made.nika.test.yaml")
    assert call_nika("test", "made.nika.test.yaml", folder=folder).returncode == 0
    again = call_nika("runs", "record", "--to", "made.nika.test.yaml", folder=folder)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def test_run_records_and_refuses_a_folder_with_something_else(folder: Path):
    done = call_nika("run", "flow.nika.yaml", "--record", "new/rec", folder=folder)
    assert done.returncode == 0
    assert sorted(file.name.partition(".")[0] for file in (folder / "new" / "rec").iterdir()) == ["it", "recording"]
    refused = call_nika("run", "flow.nika.yaml", "--record", ".", folder=folder)
    assert (refused.returncode, "holds something other than a recording" in refused.stderr) == (2, True)
