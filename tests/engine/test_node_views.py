"""Lists, loops and inner workflows as people see them: results, events, history and progress, through the real host."""

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from nika_core.app.recorded_runs import recorded_run
from nika_core.cli.progress import ProgressLines
from nika_core.cli.run_text import task_lines
from nika_core.engine.core.run_plan import Child, Each, Item, ItemError, Loop
from nika_core.engine.core.values_json import kept_result_json, kept_result_of
from nika_core.engine.local.host import Run
from nika_core.errors import Category, TaskError
from nika_core.journal import Journal, RunInfo
from nika_core.model.codec import event_json, result_json
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import node_id_of, parent_id, top_task
from nika_core.model.state import RunStatus, TaskResult
from nika_core.model.usage import Usage
from nika_core.model.workflow import OnError, Workflow
from nika_core.plugin import StepOutput


class After:
    """A condition that holds after so many rounds; each round's output is its number."""

    def __init__(self, lab, task, rounds):
        self.text = f"{task} >= {rounds}"
        self.placeholders = lab.ref(task).placeholders
        self._rounds = rounds

    def evaluate(self, resolve):
        return resolve(self.placeholders[0]) >= self._rounds


def items(*values):
    return lambda _: [Item(value, key=f"k{value}") for value in values]


def item_task(lab, name="a", **more):
    return lab.task(name, payload={"x": lab.binding("each", "item")}, **more)


async def run_recorded(lab, folder, request, services=None, step=None):
    """Run with a journal; return the result, all events and the run as the history has it."""
    events = []
    with Journal.open(folder) as journal:
        log = journal.begin(RunInfo("w", "w.nika.yaml", "tasks: [{id: a}, {id: b}]", started=time.time()))
        services = services or lab.services(step)
        recording = replace(services, record=log.record, barrier=log.barrier, call_cache=log)
        result = await lab.run(replace(request, run_id=log.run_id), recording, events.append)
        await log.finish(result.status.value, time.time())
        return result, events, recorded_run(journal, log.run_id)


async def odd_fails(payload, context):
    if payload["x"] % 2:
        raise TaskError(f"no {payload['x']}", category=Category.EXECUTION)
    return StepOutput(payload["x"], usage=Usage(payload["x"], 1, Decimal("0.5"), calls=1))


def progress(events, tasks, verbose=0):
    lines = []
    workflow = Workflow("w", Path("w.nika.yaml"), tuple(tasks))
    observer = ProgressLines(workflow, verbose=verbose, write=lines.append)
    for event in events:
        observer(event)
    return [" ".join(line.split()) for line in lines]


async def test_a_list_has_its_items_in_results_history_and_events(lab, tmp_path):
    request = lab.request((item_task(lab),), groups={"a": Each(items=items(2, 3, 4), on_error=ItemError.CONTINUE)})
    result, events, recorded = await run_recorded(lab, tmp_path, request, step=odd_fails)
    assert result.status is RunStatus.SUCCEEDED
    (task,) = result_json(result)["tasks"]
    assert (task["id"], task["state"], task["output"]) == ("a", "success", [2, None, 4])
    assert [(item["id"], item["key"], item["state"]) for item in task["items"]] == [
        ("a[0]", "k2", "success"),
        ("a[1]", "k3", "failed"),
        ("a[2]", "k4", "success"),
    ]
    assert task["items"][1]["error"]["message"] == "no 3"
    assert result.usage == task_usage(result) == Usage(6, 2, Decimal(1), calls=2)
    started = [event_json(event) for event in events if event.kind is EventKind.TASK_STARTED]
    assert [one["task"] for one in started] == ["a", "a[0]", "a[1]", "a[2]"]
    assert [one["data"].get("key") for one in started] == [None, "k2", "k3", "k4"]
    (seen,) = recorded.json["tasks"]
    assert [(item["id"], item["key"], item["state"]) for item in seen["items"]] == [
        (item["id"], item["key"], item["state"]) for item in task["items"]
    ]
    assert recorded.usage == result.usage == recorded.task("a").usage
    assert recorded.task("a.1").error == result.task("a[1]").error
    with pytest.raises(LookupError):
        result.task("a[3]")


def task_usage(result):
    return sum((item.usage for task in result.tasks for item in task.children), Usage())


async def test_events_of_a_group_carry_no_usage_of_their_own(lab, tmp_path):
    inner = lab.workflow_plan((lab.task("i", payload={"x": 2}),), name="inner")
    groups = {"a": Each(items=items(2, 4), body=Child(plan=inner, inputs=lambda payload: payload))}
    result, events, recorded = await run_recorded(
        lab, tmp_path, lab.request((item_task(lab),), groups=groups), step=odd_fails
    )
    carrying = [event.task for event in events if "usage" in event.data and event.task]
    assert carrying == ["a[0]/i", "a[1]/i"]
    assert result.usage == recorded.usage == Usage(4, 2, Decimal(1), calls=2)
    assert result.task("a").usage == recorded.task("a").usage == result.usage
    assert result.task("a[1]/i").usage == recorded.task("a[1]/i").usage == Usage(2, 1, Decimal("0.5"), calls=1)


async def test_a_loop_has_its_rounds_and_a_workflow_its_tasks(lab, tmp_path):
    async def count(payload, context):
        return int(context.task_id.rpartition("@")[2]) if "@" in context.task_id else context.task_id

    inner = lab.workflow_plan(lab.tasks("x y"), lab.flows("x>y"), name="inner")
    groups = {
        "a": Loop(until=After(lab, "a", 3), max_rounds=5),
        "b": Child(plan=inner, inputs=lambda payload: payload),
    }
    request = lab.request((*lab.tasks("a b"),), lab.flows("a>b"), groups=groups)
    result, events, recorded = await run_recorded(lab, tmp_path, request, step=count)
    loop, workflow = result_json(result)["tasks"]
    assert [one["id"] for one in loop["rounds"]] == ["a@1", "a@2", "a@3"]
    assert [one["id"] for one in workflow["tasks"]] == ["b/x", "b/y"]
    assert (loop["output"], workflow["output"]) == (3, "b/y")
    assert [task.children_kind for task in recorded.tasks] == ["rounds", "tasks"]
    assert recorded.task("a@3").output == 3
    assert progress(events, request.workflow.tasks) == [
        "▶ a work started: up to 5 rounds",
        "✓ a work 3 rounds, 0 ms",
        "▶ b work started: 2 tasks",
        "✓ b work 2 tasks, 0 ms",
    ]
    verbose = progress(events, request.workflow.tasks, verbose=1)
    assert "✓ a@2 work 0 ms" in verbose
    assert "✓ b/x work 0 ms" in verbose


async def test_ten_thousand_items_are_a_few_rows(lab, tmp_path):
    request = lab.request(
        (item_task(lab),), groups={"a": Each(items=items(*range(10_000)), on_error=ItemError.CONTINUE)}
    )

    async def thirds_fail(payload, context):
        if payload["x"] % 3 == 0:
            raise TaskError("no", category=Category.EXECUTION)
        return payload["x"]

    result, events, recorded = await run_recorded(lab, tmp_path, request, step=thirds_fail)
    lines = progress(events, request.workflow.tasks)
    assert len(lines) < 25
    assert lines[:2] == ["▶ a work started: 10000 items", "✗ a[0] work [NIKA-080] no"]
    assert sum("✗" in line for line in lines) == 10
    assert "… a work 5000/10000 items, 1667 failed" in lines
    assert lines[-1].startswith("✓ a work 10000 items, 3334 failed")
    shown = list(task_lines(recorded.json["tasks"][0], verbose=False))
    assert len(shown) < 25
    assert "10000 items (3334 failed, 6666 success)" in shown[0]
    assert "and 3324 more (-v shows all)" in shown[-1]
    assert len(result_json(result)["tasks"][0]["items"]) == 10_000


def test_what_the_user_should_know_of_an_item_is_shown_a_few_times_only(lab):
    start = Event(1, "r", 0.0, EventKind.TASK_STARTED, "a", {"group": "each", "items": 500})
    notices = [Event(2, "r", 0.0, EventKind.NOTICE, f"a[{index}]", {"message": "cut"}) for index in range(500)]
    lines = progress([start, *notices], (lab.task("a"),))
    assert lines[1] == "! a[0] work cut"
    assert len(lines) == 11


async def test_a_group_takes_as_long_as_from_its_start_to_its_end(lab, tmp_path):
    async def sleep(payload, context):
        await context.clock.sleep(payload.get("x", 1.0))
        if payload.get("x") == 4.0:
            raise TaskError("too long", category=Category.EXECUTION)
        return 2

    inner = lab.workflow_plan(lab.tasks("i j"), lab.flows("i>j"), name="inner")
    groups = {
        "a": Each(items=items(1.5, 4.0)),
        "b": Loop(until=After(lab, "b", 3), max_rounds=2, every=10.0, fail_if_exhausted=False),
        "c": Each(items=items(0.5), body=Child(plan=inner, inputs=dict)),
        "d": Each(items=items()),
    }
    tasks = (item_task(lab), *(lab.task(name, index) for index, name in enumerate("bcd", 1)))
    request = lab.request(tasks, lab.flows("b>c"), groups=groups)
    result, events, recorded = await run_recorded(lab, tmp_path, request, step=sleep)
    durations = {"a": 4000, "b": 12_000, "b@2": 1000, "c": 2000, "c[0]": 2000, "c[0]/j": 1000, "d": 0}
    assert {node: result.task(node).duration_ms for node in durations} == durations
    assert {node: recorded.task(node).duration_ms for node in durations} == durations
    ends = {event.task: event.data["durationMs"] for event in events if "durationMs" in event.data}
    assert {node: ends[node] for node in durations} == durations
    assert [task["durationMs"] for task in result_json(result)["tasks"]] == [4000, 12_000, 2000, 0]
    assert "✓ c work 1 item, 2.0 s" in progress(events, tasks)


async def test_a_task_with_a_failed_inner_task_names_it(lab, tmp_path):
    inner = lab.workflow_plan((lab.task("i", payload={"x": 1}),), name="inner")
    groups = {"a": Child(plan=inner, inputs=lambda payload: payload)}
    request = lab.request((lab.task("a", on_error=OnError.FAIL),), groups=groups)
    result, events, recorded = await run_recorded(lab, tmp_path, request, step=odd_fails)
    assert result.task("a").failure.message == "`a/i`: no 1"
    assert recorded.task("a/i").error.message == "no 1"
    assert progress(events, request.workflow.tasks)[1:] == [
        "✗ a/i [NIKA-080] no 1",
        "✗ a work [NIKA-080] 1 task, 1 failed",  # which, and why, was just told
    ]


async def test_items_that_a_cancelled_list_did_not_begin_are_not_there_and_those_it_began_are_cancelled(lab, tmp_path):
    async def cancels(payload, context):
        if payload["x"] == 2:
            whole.cancel("enough")
            await asyncio.Event().wait()
        return payload["x"]

    request = lab.request((item_task(lab),), groups={"a": Each(items=items(1, 2, 3), max_concurrent=1)})
    services = lab.services(cancels)
    whole = Run(request, services)
    result = await services.clock.run(whole.result())
    assert result.status is RunStatus.CANCELLED
    task = result_json(result)["tasks"][0]
    assert (task["state"], [item["state"] for item in task["items"]]) == ("cancelled", ["success", "cancelled"])


def test_ids_are_read_and_taken_apart():
    assert node_id_of("sections.2/write") == "sections[2]/write"
    assert node_id_of("draft@3") == "draft@3"
    assert [parent_id(one) for one in ("a", "a[3]", "a@2", "a[2]/b", "a[2]/b@1", "]")] == [
        None,
        "a",
        "a",
        "a[2]",
        "a[2]/b",
        None,
    ]
    assert [top_task(one) for one in ("a", "a-1[3]", "a@2", "a[2]/b")] == ["a", "a-1", "a", "a"]


def test_what_is_kept_of_an_empty_list_inside_an_item_is_still_a_list_after_a_snapshot():
    kept = TaskResult("a[0]/list", "work", "success", 1, 0.0, children_kind="items")
    assert kept_result_of(kept_result_json(kept)) == kept
