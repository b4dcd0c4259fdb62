"""`--key`: a run starts once. `--if-running`: what becomes of a run beside another one of the same workflow."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import RefusedError, UsageError
from nika_core.journal import Journal

NIKA = str(Path(sys.executable).with_name("nika"))
TEXT = """\
inputs: {word: {default: a}}
tasks:
  - {id: work, shell: 'echo x >> work; echo ${input.word} $(wc -l < work)'}
"""
FAILS = "tasks:\n  - {id: work, shell: 'echo x >> work; exit 3'}\n"
# The first line that the shell of a run under way writes says that it runs; it ends when `go` can be read.
HELD = "tasks:\n  - {id: work, shell: 'echo x >> work; echo up > up; cat go; echo ended'}\n"


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "w.nika.yaml"
        self.path.write_text(TEXT)

    def run(self, **options: Any) -> Any:
        return nika.run(self.path, **options)

    def command(self, *arguments: str) -> list[str]:
        return [NIKA, "run", "w.nika.yaml", *arguments]

    def nika(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def times(self) -> int:
        file = self.folder / "work"
        return len(file.read_text().splitlines()) if file.exists() else 0

    @contextmanager
    def under_way(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A run of another process, which ends with `let_go`."""
        self.path.write_text(HELD)
        os.mkfifo(self.folder / "go")
        os.mkfifo(self.folder / "up")
        with subprocess.Popen(
            self.command(*arguments), cwd=self.folder, text=True, stdin=-3, stdout=subprocess.PIPE, stderr=-3
        ) as process:
            (self.folder / "up").read_text()
            yield process
            process.kill()

    def let_go(self) -> None:
        (self.folder / "up").unlink()
        (self.folder / "up").write_text("")
        go = self.folder / "go"
        descriptor = os.open(go, os.O_WRONLY)
        go.unlink()
        go.write_text("")
        os.close(descriptor)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_second_call_with_the_same_key_returns_the_first_result_and_starts_nothing(project: Project) -> None:
    first, second = project.run(key="k"), project.run(key="k")
    assert project.times == 1
    assert (second.run_id, second.output, second.status) == (first.run_id, "a 1", first.status)
    assert project.run(key="other").run_id != first.run_id


TYPED = """\
inputs: {n: {type: int}, word: {default: a}}
tasks:
  - {id: work, shell: 'echo x >> work; echo ${input.word} ${input.n}'}
"""


def test_inputs_are_compared_as_the_workflow_reads_them(project: Project) -> None:
    project.path.write_text(TYPED)
    first = project.run(key="k", inputs={"n": "1"})
    for same in ({"n": 1}, {"n": "1", "word": "a"}, {"n": 1, "word": "a"}):
        assert project.run(key="k", inputs=same).run_id == first.run_id
    with pytest.raises(UsageError, match="the input 'n' differs"):
        project.run(key="k", inputs={"n": 2})
    with pytest.raises(UsageError, match="the input 'word' differs"):
        project.run(key="k", inputs={"n": 1, "word": "b"})
    assert project.times == 1


def test_a_run_of_one_task_alone_is_another_run_than_that_of_all(project: Project) -> None:
    project.path.write_text(TEXT + "  - {id: other, shell: echo other}\n")
    project.run()
    alone = project.run(key="alone", only="other")
    assert project.run(key="alone", only="other").run_id == alone.run_id
    for change in ({}, {"only": "work"}):
        with pytest.raises(UsageError, match="the option only differs"):
            project.run(key="alone", **change)


def test_the_result_of_a_run_that_is_paused_has_its_open_questions(project: Project) -> None:
    project.path.write_text("tasks:\n  - {id: approve, ask: Ship it?}\n")
    first, second = project.run(key="k"), project.run(key="k")
    assert first.questions
    assert [asked.task for asked in second.questions] == ["approve"]


def test_it_is_said_that_the_workflow_has_changed_and_how_to_resume_what_failed(project: Project) -> None:
    project.path.write_text(FAILS)
    run = project.run(key="k")
    assert "has changed" not in (same := project.nika("--key", "k")).stderr
    assert f"nika resume {run.run_id}" in same.stderr
    project.path.write_text(TEXT)
    changed = project.nika("--key", "k", "--format", "json")
    assert changed.returncode == 1
    assert f"the workflow has changed since run {run.run_id}" in changed.stderr
    assert project.times == 1


def test_a_failure_is_a_result_too(project: Project) -> None:
    project.path.write_text(FAILS)
    for _ in range(2):
        done = project.nika("--key", "k", "--format", "json")
        assert done.returncode == 1
        assert json.loads(done.stdout)["tasks"][0]["error"]["code"]
    assert project.times == 1


def test_a_result_is_updated_when_the_run_is_resumed(project: Project) -> None:
    project.path.write_text(FAILS)
    run = project.run(key="k")
    project.path.write_text(TEXT)
    nika.resume(run.run_id, folder=project.folder)
    assert project.run(key="k").output == "a 2"


@pytest.mark.parametrize("change", [{"inputs": {"word": "b"}}, {"mock": True}])
def test_a_key_that_is_used_for_another_run_is_an_error_that_says_what_differs(
    change: dict[str, Any], project: Project
) -> None:
    project.run(key="k")
    with pytest.raises(UsageError, match=r"(the input 'word'|the option mock) differs"):
        project.run(key="k", **change)


@pytest.mark.parametrize(
    ("task", "option", "more", "what"),
    [
        ("shell: 'test -n ${input.word}'", "inputs", {}, "the input 'word', a secret,"),
        ("ask: Which word?", "answers", {"mock": True}, "the option answers"),
    ],
)
def test_another_secret_is_another_run_although_history_has_neither(
    task: str, option: str, more: dict[str, Any], what: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "nika.yaml").write_text("secrets: [ONE, OTHER]\n")
    monkeypatch.setenv("ONE", "first-secret-9731")
    monkeypatch.setenv("OTHER", "other-secret-1379")
    project.path.write_text(
        f"inputs: {{word: {{default: a}}}}\ntasks:\n  - {{id: word, {task}}}\n  - {{id: end, set: '1'}}\n"
    )
    first, again = (project.run(key="k", **{option: {"word": "first-secret-9731"}}, **more) for _ in range(2))
    assert again.run_id == first.run_id
    with pytest.raises(UsageError, match=f"{what} differs"):
        project.run(key="k", **{option: {"word": "other-secret-1379"}}, **more)
    for secret in (b"first-secret", b"other-secret"):
        assert not any(secret in file.read_bytes() for file in (project.folder / ".nika").rglob("*") if file.is_file())


def test_a_key_of_another_workflow_is_an_error(project: Project) -> None:
    project.run(key="k")
    other = project.folder / "other.nika.yaml"
    other.write_text(TEXT)
    with pytest.raises(UsageError, match="the workflow differs"):
        nika.run(other, key="k")


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb"])
def test_a_key_that_cannot_be_used_is_an_error(key: str, project: Project) -> None:
    with pytest.raises(UsageError, match="--key"):
        project.run(key=key)


@pytest.mark.parametrize("option", [{"key": "k"}, {"if_running": "skip"}])
def test_without_a_history_both_are_refused(option: dict[str, Any], project: Project) -> None:
    with pytest.raises(UsageError, match="needs the history"):
        project.run(journal=False, **option)


def test_a_run_that_somebody_else_has_recorded_gives_no_result(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.run(key="k")
    monkeypatch.setenv("HOME", str(tmp_path / "another-user"))
    with pytest.raises(RefusedError, match="not recorded here by you"):
        project.run(key="k")


def test_of_two_calls_at_the_same_time_one_starts_and_both_have_its_result(project: Project) -> None:
    with project.under_way("--key", "k", "--format", "json") as first:
        waiting = subprocess.Popen(
            project.command("--key", "k", "--format", "json"),
            cwd=project.folder, text=True, stdin=-3, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert waiting.stderr is not None
        assert "waiting for its result" in waiting.stderr.readline()
        project.let_go()
        one, other = json.loads(first.communicate(timeout=60)[0]), json.loads(waiting.communicate(timeout=60)[0])
    assert one["runId"] == other["runId"]
    assert other["output"] == "ended"
    assert project.times == 1


def test_a_run_that_was_killed_says_how_to_go_on(project: Project) -> None:
    with project.under_way("--key", "k") as first:
        first.kill()
        first.wait()
        with pytest.raises(UsageError, match="was interrupted") as caught:
            project.run(key="k")
    assert "nika resume" in str(caught.value.hint)


def test_beside_a_run_of_the_same_workflow_it_is_skipped_or_refused(project: Project) -> None:
    with project.under_way():
        skipped = project.nika("--if-running", "skip", "--format", "json")
        assert (skipped.returncode, json.loads(skipped.stdout)["status"]) == (0, "skipped")
        refused = project.nika("--if-running", "fail")
        assert refused.returncode == 3
        assert "NIKA-094" in refused.stderr
        other = project.folder / "other.nika.yaml"
        other.write_text("tasks:\n  - {id: a, set: 1}\n")
        assert nika.run(other, if_running="fail").succeeded
    assert project.times == 1


def test_it_waits_in_a_queue_until_the_other_one_has_ended(project: Project) -> None:
    with project.under_way() as first:
        waiting = subprocess.Popen(
            project.command("--if-running", "queue", "--format", "json"),
            cwd=project.folder, text=True, stdin=-3, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert waiting.stderr is not None
        assert "waiting for run" in waiting.stderr.readline()
        assert project.times == 1
        project.let_go()
        first.wait(60)
        assert json.loads(waiting.communicate(timeout=60)[0])["status"] == "succeeded"
    assert project.times == 2


def test_a_link_to_a_workflow_is_the_same_workflow(project: Project) -> None:
    link = project.folder / "link.nika.yaml"
    link.symlink_to(project.path)
    first = project.run(key="k")
    assert nika.run(link, key="k").run_id == first.run_id
    with project.under_way(), pytest.raises(nika.AlreadyRunningError):
        nika.run(link, if_running="fail")


def test_the_one_that_has_waited_longest_goes_first_and_a_dead_one_holds_up_nobody(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal, journal.alone("w"):
        first, second, third = (journal.queue("w") for _ in range(3))
        assert [place.ahead() for place in (first, second, third)] == [0, 1, 2]
        assert [place.ahead() for place in (third, first)] == [2, 0]
        first.leave()
        assert [place.ahead() for place in (second, third)] == [0, 1]
        (tmp_path / ".nika" / "locks" / "w-000000000001.lock").write_text("of a process that was killed")
        assert [place.ahead() for place in (second, third, journal.queue("other"))] == [0, 1, 0]
        late = journal.queue("w")
        assert late.ahead() == 2
        for place in (second, third, late):
            place.leave()


async def test_runs_that_wait_start_in_the_order_in_which_they_came(project: Project) -> None:
    with project.under_way() as first:
        waiting = []
        for number in range(3):
            told = asyncio.Event()
            prepared = nika.prepare(project.path, if_running="queue")
            execution = nika.start(prepared, on_stall=lambda _, told=told: told.set())
            waiting.append(asyncio.create_task(execution.run(), name=str(number)))
            await told.wait()
        project.let_go()
        await asyncio.to_thread(first.wait, 60)
        results = await asyncio.gather(*waiting)
    assert [result.run_id for result in results] == [
        run.run_id for run in reversed(nika.runs.list(folder=project.folder))
    ][1:]
    assert project.times == 4


def test_one_that_waits_can_be_interrupted(project: Project) -> None:
    with project.under_way():
        waiting = subprocess.Popen(
            project.command("--if-running", "queue"), cwd=project.folder, text=True, stdin=-3, stderr=subprocess.PIPE
        )
        assert waiting.stderr is not None
        assert "waiting for run" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert "not started" in waiting.communicate(timeout=60)[1]
        assert waiting.returncode == 130


def test_a_run_that_has_ended_or_was_killed_is_not_under_way(project: Project) -> None:
    with project.under_way() as first:
        first.kill()
        first.wait()
    project.path.write_text(TEXT)
    assert project.run(if_running="fail").succeeded
    assert project.run(if_running="fail").succeeded


def test_an_unknown_word_is_an_error(project: Project) -> None:
    with pytest.raises(UsageError, match="expected skip, queue, fail"):
        project.run(if_running="wait")
    assert project.nika("--if-running", "wait").returncode == 2
