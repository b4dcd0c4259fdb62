"""`nika run --only TASK`: one task is run, the rest is taken from the workflow's last run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import NikaError, RefusedError, UsageError

TEXT = """\
name: only
inputs: {word: {default: a}, fail: {default: "0"}}
tasks:
  - {id: fetch, shell: "echo x >> fetch; echo fetched ${input.word}"}
  - {id: side, shell: "echo x >> side; exit ${input.fail}"}
  - {id: work, shell: "echo x >> work; echo {{fetch}} FLAG", cache: true}
  - {id: gated, when: "{{work}} == 'never'", shell: "echo x >> gated; echo {{work}}"}
  - {id: report, shell: "echo x >> report; echo {{work}}"}
  - {id: last, shell: "echo {{side}}"}
outputs: {all: "{{report}}"}
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "w.nika.yaml"
        self.write()

    def write(self, flag: str = "one") -> None:
        self.path.write_text(TEXT.replace("FLAG", flag))

    def run(self, only: str | None = None, **options: Any) -> Any:
        return nika.run(self.path, only=only, **options)

    def times(self) -> dict[str, int]:
        names = ("fetch", "side", "work", "gated", "report")
        return {name: len(file.read_text().splitlines()) for name in names if (file := self.folder / name).exists()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_only_that_task_is_run_and_it_is_given_what_the_last_run_had(project: Project) -> None:
    project.run(inputs={"word": "b"})
    project.write("two")
    result = project.run("work")

    assert result.succeeded
    assert result.output == "fetched b two"
    assert project.times() == {"fetch": 1, "side": 1, "work": 2, "report": 1}
    assert {task.id: task.reused for task in result.tasks if task.state == "success"} == {
        "fetch": True,
        "side": True,
        "work": False,
        "report": True,
        "last": True,
    }


def test_a_cached_result_and_a_condition_do_not_keep_it_from_running(project: Project) -> None:
    project.run()
    project.run("work")
    project.run("gated")
    assert project.times() == {"fetch": 1, "side": 1, "work": 2, "report": 1, "gated": 1}


def test_what_did_not_succeed_and_is_not_needed_is_left_out(project: Project) -> None:
    assert not project.run(inputs={"fail": "3"}).succeeded
    result = project.run("report")
    assert result.succeeded
    assert {task.id: task.skip_reason for task in result.tasks if task.state == "skipped"} == {
        "side": "notSelected",
        "gated": "notSelected",
        "last": "notSelected",
    }


def test_it_is_refused_if_something_that_it_needs_is_missing(project: Project) -> None:
    project.run(inputs={"fail": "3"})
    with pytest.raises(UsageError, match=r"--only last needs .* the output of `side` \(its state is failed\)"):
        project.run("last")


def test_a_value_that_stood_in_for_a_failure_is_taken_with_the_failure(tmp_path: Path) -> None:
    path = tmp_path / "w.nika.yaml"
    path.write_text(
        "tasks:\n"
        "  - {id: bad, shell: echo x >> bad; exit 3, onError: {value: instead}}\n"
        "  - {id: say, set: '{{bad}}: ${error.bad.code}'}\n"
    )
    assert nika.run(path).output == "instead: NIKA-080"
    assert nika.run(path, only="say").output == "instead: NIKA-080"
    assert (tmp_path / "bad").read_text() == "x\n"


def test_it_is_refused_without_an_earlier_run_and_a_mocked_one_does_not_count(project: Project) -> None:
    project.run(mock=True)
    with pytest.raises(UsageError, match="has not been run here"):
        project.run("work")


def test_a_task_that_is_not_there_is_an_error_with_the_nearest_one(project: Project) -> None:
    project.run()
    with pytest.raises(UsageError, match="no such task") as caught:
        project.run("wrok")
    assert caught.value.hint == "did you mean work?"


def test_outputs_of_a_run_that_somebody_else_has_recorded_are_not_taken(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.run()
    monkeypatch.setenv("HOME", str(tmp_path / "another-user"))
    with pytest.raises(RefusedError, match="not recorded here by you"):
        project.run("work")


def test_it_can_be_resumed_and_does_nothing_else_then_either(project: Project) -> None:
    project.run()
    (project.folder / "w.nika.yaml").write_text(TEXT.replace("FLAG", "$(cat missing)"))
    failing = TEXT.replace("FLAG", "; cat missing")
    project.path.write_text(failing)
    run = project.run("work")
    assert not run.succeeded
    (project.folder / "missing").write_text("now there")
    resumed = nika.resume(run.run_id, folder=project.folder)
    assert resumed.succeeded
    assert "now there" in resumed.output
    assert project.times() == {"fetch": 1, "side": 1, "work": 3, "report": 1}


def test_the_next_one_takes_from_it_again(project: Project) -> None:
    project.run()
    project.write("two")
    project.run("work")
    assert project.run("report").output == "fetched a two"


def test_a_text_has_no_last_run(project: Project) -> None:
    with pytest.raises(NikaError):
        nika.run(TEXT, only="work", folder=project.folder)
