"""A run that is killed at any point goes on where it was: what was told as done is never done again.

What is killed is the real command. Its run goes on in the test's process, which is as good and starts no other.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core import RunResult

pytestmark = pytest.mark.beside

NIKA = str(Path(sys.executable).with_name("nika"))
WORKFLOW = """\
agent: {model: mock, provider: mock}
tasks:
  - {id: a, shell: "echo a >> done.txt; echo 1"}
  - {id: b, shell: "echo b >> done.txt; echo {{a}}"}
  - {id: c, shell: "echo c >> done.txt; echo {{a}}"}
  - {id: said, llm: "say {{b}} {{c}}"}
  - {id: d, function: {reference: work.py::add, args: {one: "{{b}}", other: "{{c}}"}}}
  - {id: e, shell: "echo e >> done.txt; echo {{d}} {{said}}"}
"""
WORK = """\
def add(one: int, other: int) -> int:
    with open("done.txt", "a") as done:
        done.write("d\\n")
    return one + other
"""
RESULT = "2 mock: say 1 1"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "nika.yaml").write_text("main: w.nika.yaml\n")
    (tmp_path / "w.nika.yaml").write_text(WORKFLOW)
    (tmp_path / "work.py").write_text(WORK)
    return tmp_path


def start(project: Path) -> subprocess.Popen[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("NIKA_")}
    command = [NIKA, "run", "--format", "jsonl"]
    return subprocess.Popen(
        command, cwd=project, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([NIKA, *arguments], cwd=project, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done


def killed_at_line(project: Path, point: int) -> set[str]:
    """Run until so many events were told, kill the run, and return the tasks of which it told that they succeeded."""
    process = start(project)
    assert process.stdout is not None
    lines = [line for _, line in zip(range(point), process.stdout, strict=False)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=120)
    return succeeded([*lines, *rest.splitlines(keepends=True)])


def gone_on(project: Path) -> RunResult | None:
    """What the only run of a project, which was killed, comes to; None if it had succeeded before."""
    (run,) = nika.runs.list(folder=project)
    if run.status == "succeeded":
        return None
    result = nika.resume(run.run_id, folder=project)
    assert result.status == "succeeded", result
    return result


def succeeded(lines: list[str]) -> set[str]:
    """The tasks of which the user was told that they had succeeded."""
    events: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("\n")]
    return {event["task"] for event in events if event["event"] == "task.succeeded"}


def check_that_it_goes_on(project: Path, told: set[str]) -> None:
    """Resume it, and compare what was done with what had been told."""
    if not nika.runs.list(folder=project):  # killed before the run had begun: there is nothing to go on with
        assert not told
        assert not (project / "done.txt").exists()
        return
    before = Counter((project / "done.txt").read_text().split()) if (project / "done.txt").exists() else Counter()
    result = gone_on(project)
    if result is not None:
        assert result.output == RESULT
        assert told <= {task.id for task in result.tasks if task.reused}
    after = Counter((project / "done.txt").read_text().split())
    for task in told & set("abcde"):
        assert after[task] == before[task] == 1, f"{task} was told as done, and was done {after[task]} times"
    assert set(after) == set("abcde")
    check = sqlite3.connect(project / ".nika" / "journal.db").execute("PRAGMA integrity_check").fetchone()
    assert check == ("ok",)


@pytest.mark.parametrize("point", range(1, 27))
def test_killed_after_every_transition_it_goes_on_and_does_nothing_twice(project: Path, point: int) -> None:
    check_that_it_goes_on(project, killed_at_line(project, point))


@pytest.mark.parametrize(
    "seed", [each if each < 6 else pytest.param(each, marks=pytest.mark.long) for each in range(50)]
)
def test_killed_at_a_random_moment_it_goes_on_and_does_nothing_twice(project: Path, seed: int) -> None:
    process = start(project)
    assert process.stdout is not None
    drawn = random.Random(seed)
    # After some of its lines, so that it has begun however slow the machine is, and then somewhere between two of them.
    lines = [line for _, line in zip(range(drawn.randrange(20)), process.stdout, strict=False)]
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=drawn.uniform(0, 0.1))
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=120)
    check_that_it_goes_on(project, succeeded([*lines, *rest.splitlines(keepends=True)]))


NESTED = """\
workflows:
  part:
    inputs: {n: {type: string}}
    tasks:
      - {id: one, shell: {argv: [sh, -c, 'echo "$0-one" >> done.txt; echo "$0"', "${input.n}"]}}
      - {id: two, shell: {argv: [sh, -c, 'echo "$0-two" >> done.txt; echo "$0$0"', "{{one}}"]}}
    outputs: "{{two}}"
  pair:
    inputs: {n: {type: string}}
    tasks: [{id: in, workflow: {use: part, with: {n: "${input.n}"}}}]
    outputs: "{{in}}"
tasks:
  - {id: parts, forEach: {items: [a, b, c], maxConcurrent: 2}, workflow: {use: pair, with: {n: "${each.item}"}}}
"""


@pytest.mark.parametrize("point", range(3, 45, 3))
def test_killed_inside_workflows_in_a_list_it_goes_on_inside_and_does_nothing_twice(project: Path, point: int) -> None:
    (project / "w.nika.yaml").write_text(NESTED)
    told = killed_at_line(project, point)
    result = gone_on(project)
    assert result is None or result.output == ["aa", "bb", "cc"]
    after = Counter((project / "done.txt").read_text().split())
    for index, name in enumerate("abc"):
        for task in ("one", "two"):
            assert after[f"{name}-{task}"] >= 1
            if f"parts[{index}]/in/{task}" in told:
                assert after[f"{name}-{task}"] == 1, f"{name}-{task} was told as done, and was done again"


def test_a_run_that_another_process_works_on_cannot_be_resumed_or_removed(project: Path) -> None:
    (project / "w.nika.yaml").write_text('tasks:\n  - {id: a, shell: "echo on > on; until [ -e go ]; do :; done"}\n')
    process = start(project)
    assert process.stdout is not None
    run = json.loads(process.stdout.readline())["runId"]
    try:
        while not (project / "on").exists():  # what led to an effect is on disk before it
            assert process.poll() is None
        (task,) = json.loads(command(project, "runs", "show", run, "--format", "json").stdout)["tasks"]
        assert task["state"] == "running"
        for what in ("resume", "rm"):
            arguments = ["resume", run] if what == "resume" else ["runs", "rm", run]
            done = command(project, *arguments)
            assert done.returncode == 2
            assert "NIKA-094" in done.stderr
    finally:
        (project / "go").touch()
        process.communicate(timeout=120)
    assert process.returncode == 0


def test_two_runs_of_one_project_at_once_do_not_disturb_each_other(project: Path) -> None:
    processes = [start(project) for _ in range(3)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    runs = json.loads(command(project, "runs", "list", "--format", "json").stdout)["runs"]
    assert [run["status"] for run in runs] == ["succeeded"] * 3


@pytest.mark.parametrize("how", ["goes on", "is removed"])
def test_what_a_killed_nika_left_behind_is_ended_when_its_run(project: Path, how: str) -> None:
    (project / "w.nika.yaml").write_text(
        'tasks:\n  - {id: a, shell: "echo $$ >> pids; [ -e go ] && exit 0; exec sleep 600"}\n'
    )
    process = start(project)
    while not (project / "pids").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    (project / "go").touch()
    run = json.loads(command(project, "runs", "list", "--format", "json").stdout)["runs"][0]
    assert run["status"] == "interrupted"
    (task,) = json.loads(command(project, "runs", "show", run["runId"], "--format", "json").stdout)["tasks"]
    assert task["state"] == "interrupted"
    arguments = ["resume"] if how == "goes on" else ["runs", "rm"]
    assert command(project, *arguments, run["runId"]).returncode == 0
    left = (project / "pids").read_text().split()[0]
    stat = Path(f"/proc/{left}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"  # a zombie waits for PID 1 only


# A list, a loop, a value that stands in, and cleanup.
GROUPS = """\
outputs: {list: "{{list}}", loop: "{{loop}}", stood: "{{stood.n}}"}
tasks:
  - {id: items, set: [0, 1, 2]}
  - id: list
    forEach: {items: "{{items}}", maxConcurrent: 2}
    shell: "echo item@${each.item} >> done.txt; echo ${each.item}"
  - {id: stood, shell: echo stood >> done.txt; exit 3, retry: {max: 1}, onError: {value: {n: 7}}}
  - id: loop
    repeat: {until: "{{loop}} == 2", max: 5}
    shell: "echo after@${last.round ?? 0} >> done.txt; echo ${last.round ?? 0}"
  - {id: both, shell: "echo both >> done.txt; echo {{list | length}} {{loop}} {{stood.n}}"}
  - {id: clean, always: true, shell: echo clean >> done.txt}
"""
WRITES = {
    **{f"list[{index}]": f"item@{index}" for index in range(3)},
    **{f"loop@{number}": f"after@{number - 1}" for number in (1, 2, 3)},
    "both": "both",
    "clean": "clean",
}


@pytest.mark.parametrize("point", range(1, 46))
def test_killed_in_a_list_a_loop_or_cleanup_it_goes_on_and_does_no_part_twice(project: Path, point: int) -> None:
    (project / "w.nika.yaml").write_text(GROUPS)
    told = {WRITES[part] for part in killed_at_line(project, point) & set(WRITES)}
    result = gone_on(project)
    assert result is None or result.output == {"list": ["0", "1", "2"], "loop": "2", "stood": 7}
    times = Counter((project / "done.txt").read_text().split())
    assert {part: times[part] for part in told} == dict.fromkeys(told, 1)
    assert set(times) == {*WRITES.values(), "stood"}
