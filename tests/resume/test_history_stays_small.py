"""A resumed run writes what is new: tasks that are reused again and again do not make its history grow."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import nika_core as nika
from nika_core.journal import Journal
from nika_core.model.events import Event

TEXT = "x" * 1000


def workflow(folder: Path, last: str = "set: {n: '{{large}}'}") -> Path:
    (folder / "nika.yaml").write_text("")
    path = folder / "w.nika.yaml"
    path.write_text(
        f"""
tasks:
  - {{id: small, set: {TEXT}}}
  - {{id: large, set: "{"{{small}}" * 100}"}}
  - {{id: skipped, when: "{{{{small}}}} == 'y'", set: 1}}
  - {{id: last, {last}}}
"""
    )
    return path


def lives(folder: Path) -> list[list[Event]]:
    """The events of the only run, life by life."""
    with Journal.open(folder) as journal:
        found: list[list[Event]] = []
        for event in journal.load(journal.runs()[0].id).events:
            if event.kind == "run.started":
                found.append([])
            found[-1].append(event)
    return found


def test_the_second_resume_and_those_after_it_say_nothing_of_tasks_that_are_reused_as_before(tmp_path: Path) -> None:
    run = nika.run(workflow(tmp_path)).run_id
    shown: list[dict[str, Any]] = []
    for _ in range(3):
        result = nika.resume(run, folder=tmp_path)
        assert Counter((task.state, task.reused) for task in result.tasks) == {
            ("success", True): 3,
            ("skipped", False): 1,
        }
        assert [task.output for task in result.tasks][1] == TEXT * 100
        shown.append(nika.runs.get(run, folder=tmp_path).json)
    first, *others = ([(event.kind, event.task) for event in life] for life in lives(tmp_path)[1:])
    assert ("task.reused", "small") in first
    for other in others:
        assert {task for _, task in other} <= {None, "skipped"}
    tasks = {task["id"]: task for task in shown[-1]["tasks"]}
    assert (tasks["large"]["output"], tasks["large"]["reused"], tasks["large"]["attempts"]) == (TEXT * 100, True, 1)
    assert shown[0]["tasks"] == shown[-1]["tasks"]


def test_what_is_reused_is_written_once(tmp_path: Path) -> None:
    run = nika.run(workflow(tmp_path)).run_id
    nika.resume(run, folder=tmp_path)
    _, resumed = lives(tmp_path)
    assert TEXT not in json.dumps([dict(event.data) for event in resumed])


def test_an_output_that_was_reused_twice_is_given_to_a_task_that_has_changed(tmp_path: Path) -> None:
    run = nika.run(workflow(tmp_path)).run_id
    for _ in range(2):
        nika.resume(run, folder=tmp_path)
    workflow(tmp_path, "set: {m: '{{large}}!'}")
    result = nika.resume(run, folder=tmp_path)
    assert [(task.id, task.reused) for task in result.tasks if task.state == "success"] == [
        ("small", True),
        ("large", True),
        ("last", False),
    ]
    assert result.output == {"m": TEXT * 100 + "!"}
    assert nika.resume(run, folder=tmp_path).output == {"m": TEXT * 100 + "!"}


def test_a_task_that_was_reused_and_is_done_again_is_reused_with_its_new_output(tmp_path: Path) -> None:
    run = nika.run(workflow(tmp_path)).run_id
    for _ in range(2):
        nika.resume(run, folder=tmp_path)
    path = workflow(tmp_path)
    path.write_text(path.read_text().replace(TEXT, "y" * 1000))
    for reused in (False, True, True):
        result = nika.resume(run, folder=tmp_path)
        tasks = {task.id: task for task in result.tasks}
        assert (tasks["small"].output, tasks["small"].reused) == ("y" * 1000, reused)
        assert {task["id"]: task for task in nika.runs.get(run, folder=tmp_path).json["tasks"]}["small"]["output"][
            0
        ] == "y"
