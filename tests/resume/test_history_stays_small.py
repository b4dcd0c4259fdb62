"""A resumed run writes what is new: tasks that are reused again and again do not make its history grow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
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


ITEMS = 50


def listing(folder: Path, items: Iterable[int], *, text: str = "a") -> Path:
    """Write a workflow with a list, in which item 1 is skipped and item 2 fails."""
    (folder / "nika.yaml").write_text("")
    path = folder / "w.nika.yaml"
    path.write_text(
        f"""
tasks:
  - id: list
    when: "${{each.item}} != '1'"
    forEach: {{items: {json.dumps([str(item) for item in items])}, onItemError: continue}}
    shell: "test ${{each.item}} != 2 && echo {text} ${{each.item}}"
  - {{id: last, set: "{{{{list}}}}"}}
"""
    )
    return path


def items_of(folder: Path, run: str) -> list[tuple[str, str, Any, bool]]:
    shown = nika.runs.get(run, folder=folder).json["tasks"][0]["items"]
    return [(item["id"], item["state"], item.get("output"), item.get("reused", False)) for item in shown]


def test_items_that_are_reused_again_and_again_do_not_make_a_history_grow(tmp_path: Path) -> None:
    run = nika.run(listing(tmp_path, range(ITEMS))).run_id
    results, shown = [], []
    for _ in range(4):
        tasks = nika.resume(run, folder=tmp_path).tasks
        results.append([(task.output, [item.reused for item in task.children]) for task in tasks])
        shown.append(items_of(tmp_path, run))
    assert results[0] == results[-1]
    assert results[0][0][0] == [None if item in (1, 2) else f"a {item}" for item in range(ITEMS)]
    assert shown[0] == shown[-1]
    assert [state for _, state, _, _ in shown[-1]].count("success") == ITEMS - 2
    assert {event.task for event in lives(tmp_path)[-1]} == {None, "list"}
    with Journal.open(tmp_path) as journal:
        assert journal.load(run).events[-2].data["output"] == results[0][0][0]  # the list's end, which says only that


def test_items_of_a_list_that_has_changed_are_told_anew_and_none_is_left_of_the_other_list(tmp_path: Path) -> None:
    run = nika.run(listing(tmp_path, [5, 6, 7, 8])).run_id
    for _ in range(2):
        nika.resume(run, folder=tmp_path)
    for items in ([8, 6, 9], [8, 6, 9], [5, 6, 7, 8], [5, 6, 7, 8]):
        listing(tmp_path, items)
        result = nika.resume(run, folder=tmp_path)
        assert result.tasks[0].output == [f"a {item}" for item in items]
        expected = [(f"list[{at}]", "success", f"a {item}") for at, item in enumerate(items)]
        assert [shown[:3] for shown in items_of(tmp_path, run)] == expected
    assert [item.reused for item in result.tasks[0].children] == [True] * 4


def test_items_that_are_done_again_are_told_and_reused_with_what_they_are_now(tmp_path: Path) -> None:
    run = nika.run(listing(tmp_path, [5, 6])).run_id
    for _ in range(2):
        nika.resume(run, folder=tmp_path)
    listing(tmp_path, [5, 6], text="b")
    for reused in (False, True, True):
        result = nika.resume(run, folder=tmp_path)
        assert result.tasks[0].output == ["b 5", "b 6"]
        assert items_of(tmp_path, run) == [(f"list[{at}]", "success", f"b {5 + at}", reused) for at in range(2)]
    rerun = nika.resume(run, rerun_from="list[1]", folder=tmp_path)
    assert [item.reused for item in rerun.tasks[0].children] == [True, False]
    assert nika.resume(run, folder=tmp_path).tasks[0].output == ["b 5", "b 6"]
