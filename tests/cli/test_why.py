"""`nika why`: why a task ran, was reused or was skipped, and what differs from the run before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import UsageError

NIKA = str(Path(sys.executable).with_name("nika"))
TEXT = """\
name: why
inputs: {topic: {default: cats}, other: {default: a}}
tasks:
  - {id: fetch, set: "about ${input.topic}"}
  - {id: work, shell: "echo {{fetch}} FLAG", cache: CACHE}
  - {id: never, when: "{{work}} == 'no'", set: 1}
  - {id: each, forEach: {items: [1, 2]}, shell: "echo ${each.item} ${input.other}"}
"""


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write()

    def write(self, flag: str = "-a", cache: str = "true") -> None:
        (self.folder / "w.nika.yaml").write_text(TEXT.replace("FLAG", flag).replace("CACHE", cache))

    def run(self, **inputs: Any) -> Any:
        return nika.run(self.folder / "w.nika.yaml", inputs=inputs)

    def why(self, task: str, run: str = "last") -> nika.TaskReason:
        return nika.runs.why(run, task, folder=self.folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def parts(reason: nika.TaskReason) -> dict[str, tuple[Any, Any]]:
    return {each.part: (each.before, each.now) for each in reason.differences}


def test_the_first_run_had_nothing_to_take(project: Project) -> None:
    project.run()
    assert "no earlier run of this workflow" in project.why("work").message


def test_a_result_that_was_taken_says_from_which_run(project: Project) -> None:
    first = project.run()
    project.run()
    reason = project.why("work")
    assert reason.state == "reused"
    assert first.run_id in reason.message


def test_what_differs_is_named_with_both_values(project: Project) -> None:
    first = project.run()
    project.run(topic="dogs")
    reason = project.why("work")
    assert reason.compared_with == first.run_id
    assert "what it is given" in reason.message
    assert parts(reason) == {"the output of `fetch`": ("about cats", "about dogs")}
    assert parts(project.why("fetch")) == {"the input `topic`": (None, "dogs")}


def test_a_changed_definition_is_named_by_its_fields(project: Project) -> None:
    project.run()
    project.write(flag="-b")
    project.run()
    reason = project.why("work")
    assert "its definition differs" in reason.message
    assert parts(reason) == {"shell": ("echo {{fetch}} -a", "echo {{fetch}} -b")}


def test_without_cache_it_says_that_cache_is_missing(project: Project) -> None:
    project.run()
    project.run()
    assert "only taken with `cache`" in project.why("each[1]").message


def test_an_item_is_compared_with_what_it_was_in_the_earlier_run(project: Project) -> None:
    project.run()
    project.run(other="b")
    assert parts(project.why("each.1")) == {"the input `other`": (None, "b")}


def test_an_item_is_the_same_wherever_it_stands_in_the_list(project: Project) -> None:
    file = project.folder / "w.nika.yaml"
    for items in ("[1, 2, 3]", "[3, 1, 2]"):
        file.write_text(f"tasks:\n  - {{id: each, forEach: {{items: {items}}}, shell: 'echo ${{each.item}}'}}\n")
        nika.run(file)
    for place in range(3):
        assert project.why(f"each[{place}]").message.startswith("it ran: nothing that counts differs from run")


def test_a_list_says_how_its_items_stand_and_how_to_ask_for_one(project: Project) -> None:
    run = project.run()
    assert "2 success in it" in project.why("each").message
    assert f"nika why {run.run_id} 'each[0]'" in project.why("each").message


def test_a_list_that_is_shorter_in_a_later_life_of_the_run_has_no_more_items_than_that(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text(
        "tasks:\n"
        "  - {id: names, shell: cat names, output: lines}\n"
        "  - {id: each, forEach: '{{names}}', shell: 'test ${each.item} != bad'}\n"
    )
    (tmp_path / "names").write_text("a\nb\nbad\n")
    failed = nika.run(tmp_path / "w.nika.yaml")
    (tmp_path / "names").write_text("b\na\n")
    nika.resume(failed.run_id, rerun_from="names", folder=tmp_path)
    assert nika.runs.why("last", "each", folder=tmp_path).message.startswith("it ran: 2 success in it,")
    with pytest.raises(UsageError, match=r"has no task 'each\[2\]'"):
        nika.runs.why("last", "each[2]", folder=tmp_path)


def test_a_skipped_task_says_why(project: Project) -> None:
    project.run()
    assert "did not hold" in project.why("never").message


def test_a_result_that_was_not_kept_is_told_from_one_that_is_too_old(project: Project) -> None:
    project.run()
    nika.run(project.folder / "w.nika.yaml", no_cache=True)
    assert "(--no-cache)" in project.why("work").message
    (project.folder / ".nika" / "cache.db").unlink()
    project.run()
    assert "kept no results" in project.why("work").message
    nika.run(project.folder / "w.nika.yaml", refresh=True)
    assert "(--refresh)" in project.why("work").message
    (project.folder / ".nika" / "cache.db").unlink()
    project.run()
    assert "cannot be read in .nika/cache.db" in project.why("work").message


def test_a_resumed_run_says_what_resuming_decided(project: Project) -> None:
    run = project.run()
    nika.resume(run.run_id, rerun_from="work", folder=project.folder)
    assert "--from" in project.why("work").message


@pytest.mark.parametrize(("task", "hint"), [("wrk", "work"), ("nothing-like-it", "it has fetch")])
def test_a_task_that_the_run_does_not_have_is_an_error_with_those_that_it_has(
    task: str, hint: str, project: Project
) -> None:
    project.run()
    with pytest.raises(UsageError, match=task) as caught:
        project.why(task)
    assert hint in str(caught.value.hint)


def test_one_word_is_a_task_of_the_last_run_and_json_is_for_programs(project: Project) -> None:
    project.run()
    run = project.run(topic="dogs\x1b[2J").run_id

    def why(*words: str) -> subprocess.CompletedProcess[str]:
        command = [NIKA, "why", *words]
        return subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False, env=os.environ)

    shown = why("work")
    assert shown.returncode == 0
    assert f"`work` in run {run} (success)" in shown.stdout
    assert '"about cats" -> "about dogs' in shown.stdout
    assert "\x1b" not in shown.stdout
    found = json.loads(why(run[:-2], "work", "--format", "json").stdout)
    assert found["differences"][0]["part"] == "the output of `fetch`"
    for words in (("a", "b", "c"), ("nope", "work"), ("a[",)):
        done = why(*words)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
