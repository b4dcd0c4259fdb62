"""Failures as data, and cleanup, as a user meets them: stand-in values, `always`, and what stops a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]

VALUE = """\
    tasks:
      - id: load
        shell: echo partly; exit 3
        onError: {value: {rows: "${input.rows}", why: "${error.other.message ?? 'unknown'}"}}
        output: {format: json, schema: {type: object, required: [rows], properties: {rows: {type: integer}}}}
      - {id: other, set: 1}
      - {id: use, set: ["{{load.rows}}", "${state.load}", "${error.load.code}"]}
    inputs: {rows: {type: json, default: 0}}
    """
CLEANUP = """\
    tasks:
      - {id: work, shell: "exit ${input.code}"}
      - {id: slow, shell: "sleep ${input.seconds}"}
      - {id: tidy, always: true, shell: "echo ${state.work} >> tidied"}
      - {id: last, always: true, shell: "echo ${run.status} >> status"}
      - {id: result, set: done}
    flows: [{source: work, target: tidy}, {source: slow, target: result}]
    inputs: {code: {type: string, default: "0"}, seconds: {type: string, default: "0"}}
    """


def test_a_value_stands_in_for_a_failed_task_with_a_warning(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", VALUE)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, [0, "success", "NIKA-080"])
    load = done.tasks["load"]
    assert (load["state"], load["output"], load["error"]["code"]) == (
        "success",
        {"rows": 0, "why": "unknown"},
        "NIKA-080",
    )
    printed = nika("run", "w.nika.yaml")
    assert "failed: the value of `onError` stands in" in printed.err
    assert "load [NIKA-080]" in printed.err
    assert nika("runs", "show", "--format", "json").tasks["load"]["error"]["code"] == "NIKA-080"


def test_what_a_value_stood_in_for_is_done_again_only_if_the_run_did_not_succeed(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", VALUE)
    succeeded = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    again = nika("resume", succeeded, "--format", "json")
    assert (again.tasks["load"]["reused"], again.json["output"]) == (True, [0, "success", "NIKA-080"])
    bad = VALUE.replace("      - {id: other, set: 1}", "      - {id: other, fail: no}")
    write("w.nika.yaml", bad)
    failed = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    again = nika("resume", failed, "--format", "json")
    assert (again.code, again.tasks["load"]["reused"]) == (1, False)


def test_a_value_that_does_not_fit_the_schema_is_an_error_before_or_fails_the_task(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", VALUE)
    done = nika("run", "w.nika.yaml", "-i", 'rows="none"', "--format", "json")
    assert (done.code, done.tasks["load"]["state"]) == (1, "failed")
    assert "does not fit `output`" in done.tasks["load"]["error"]["message"]
    assert "exit code 3" in done.tasks["load"]["error"]["message"]
    write("x.nika.yaml", VALUE.replace('"${input.rows}", why: "${error.other.message ?? \'unknown\'}"', "none"))
    checked = nika("validate", "x.nika.yaml")
    assert (checked.code, "x.nika.yaml:4" in checked.out) == (2, True)
    assert "the value does not fit the task's `output`: $.rows" in checked.out


@pytest.mark.parametrize(
    ("options", "status", "code", "work"),
    [
        ((), "succeeded", 0, "success"),
        (("-i", "code=3"), "failed", 1, "failed"),
        (("-i", "code=3", "-i", "seconds=60", "--fail-fast"), "failed", 1, "failed"),
        (("-i", "seconds=60", "--timeout", "300ms"), "failed", 1, "success"),
    ],
    ids=["success", "failure", "fail-fast", "timeout"],
)
def test_cleanup_runs_once_however_the_run_ends(
    nika: Nika, write: Write, options: tuple[str, ...], status: str, code: int, work: str
) -> None:
    write("w.nika.yaml", CLEANUP)
    done = nika("run", "w.nika.yaml", "--format", "json", *options)
    assert (done.code, done.json["status"], done.tasks["work"]["state"]) == (code, status, work)
    assert (Path("tidied").read_text(), Path("status").read_text()) == (f"{work}\n", f"{status}\n")
    assert ("output" in done.json) is (status == "succeeded")
    assert done.json.get("output", "done") == "done"


def test_cleanup_after_a_stop_has_one_allowance(nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_CLEANUP_TIMEOUT", "200ms")
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: work, shell: exit 3}
          - {id: tidy, always: true, shell: sleep 60}
          - {id: tidier, always: true, shell: echo never, when: "${state.tidy} == 'success'"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--fail-fast", "--format", "json")
    assert (done.code, done.tasks["tidy"]["state"], done.tasks["tidier"]["state"]) == (1, "cancelled", "skipped")
    assert done.tasks["tidy"]["error"]["message"] == "the cleanup took longer than 0.2 s (NIKA_CLEANUP_TIMEOUT)"


@pytest.mark.alone
@pytest.mark.parametrize("times", [1, 2])
def test_the_first_interrupt_runs_cleanup_and_the_second_ends_it(folder: Path, write: Write, times: int) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: work, shell: sleep 60}
          - {id: tidy, always: true, shell: "echo ${run.status} > status; sleep ${input.seconds}"}
        inputs: {seconds: {type: string}}
        """,
    )
    command = [sys.executable, "-m", "nika_core", "run", "w.nika.yaml", "-i", f"seconds={60 * (times - 1)}"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True, "env": {**os.environ}}
    interrupts = 0
    with subprocess.Popen([*command, "--format", "jsonl"], **options) as run:
        for line in run.stdout:
            event = json.loads(line)
            if event["event"] == "task.started" and interrupts < times:
                interrupts += 1
                run.send_signal(signal.SIGINT)
    assert run.returncode == 130
    states = {task["id"]: task["state"] for task in event["data"]["tasks"]}
    assert states == {"work": "cancelled", "tidy": "success" if times == 1 else "cancelled"}
    assert times == 2 or Path("status").read_text() == "cancelled\n"


@pytest.mark.parametrize(
    ("task", "flow", "message", "hint"),
    [
        ('always: true, shell: "echo {{work}}"', "", "so this may have no value", "{{work ?? null}}"),
        ('always: true, shell: x, when: "{{work}} == 1"', "", "so this may have no value", "${state.work}"),
        ("always: true, shell: x", ", condition: \"${state.work} == 'x'\"", "cannot have a condition", "`when`"),
        ('shell: "echo ${run.status}"', "", "a run has no status before", "`always: true`"),
        ("shell: x, onError: {valu: 3}", "", "`{value: ...}`", ""),
        ('shell: x, onError: {value: "{{tidy}}"}', "", "cannot depend on its own output", ""),
        ("shell: x, always: maybe", "", "maybe", ""),
    ],
)
def test_mistakes_in_cleanup_are_found_before_anything_runs(
    nika: Nika, write: Write, task: str, flow: str, message: str, hint: str
) -> None:
    write(
        "w.nika.yaml",
        f"""\
        tasks:
          - {{id: work, shell: x}}
          - {{id: tidy, {task}}}
        flows: [{{source: work, target: tidy{flow}}}]
        """,
    )
    done = nika("validate", "w.nika.yaml")
    assert done.code == 2
    assert message in done.out
    assert hint in done.out


def test_a_resumed_run_cleans_up_again_only_after_what_was_done_again(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", CLEANUP)
    run = nika("run", "w.nika.yaml", "--format", "json").json["runId"]
    reused = nika("resume", run, "--format", "json")
    assert all(task["reused"] for task in reused.tasks.values())
    again = nika("resume", run, "--from", "work", "--format", "json")
    assert {name for name, task in again.tasks.items() if not task["reused"]} == {"work", "tidy", "last"}
