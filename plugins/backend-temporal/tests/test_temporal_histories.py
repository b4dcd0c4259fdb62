"""Histories: recorded ones lead to the same decisions, and a long one is continued in a new one."""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nika_backend_temporal import names, workflow
from nika_backend_temporal.address import Address
from nika_backend_temporal.connecting import connect, converter
from nika_backend_temporal.kernels import use_kernel
from nika_backend_temporal.large_payloads import LargePayloads
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import nika_core as nika
from nika_core.app.backend import driver_context
from nika_core.app.backend.kernel import Kernel
from nika_core.app.backend.run_driver import CoreDriver
from nika_core.plugin import SetTimer, WorkerOptions
from nika_core.testing.backend_checks import BackendRuns

RECORDED = sorted(Path(__file__).with_name("histories").glob("*.json"))  # record_histories.py makes them
pytestmark = pytest.mark.beside


@asynccontextmanager
async def worker_here(url: str, folder: Path) -> AsyncIterator[Any]:
    """Be a worker in this process; yields a connection to the backend."""
    workspace = nika.Workspace.open(folder)
    backend = nika.backends.connect(url, workspace=workspace)
    stop, ready = asyncio.Event(), asyncio.Event()
    options = WorkerOptions(
        keywords=nika.backends.keywords(workspace=workspace), concurrency=100, ready=ready.set, stop=stop.wait
    )
    serving = asyncio.ensure_future(backend.serve(options))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([waiting, serving], return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await serving  # what keeps it from working, in place of a test that hangs
    try:
        yield backend
    finally:
        stop.set()
        await serving


async def handle_of(url: str, run_id: str) -> WorkflowHandle[Any, Any]:
    client = await connect(Address(url, {}), LargePayloads(None))
    return client.get_workflow_handle(run_id)


async def run(backend: Any, runs: BackendRuns, text: str) -> Any:
    return await submitted(backend, runs.prepared(text))


async def submitted(backend: Any, prepared: nika.PreparedRun) -> Any:
    """Return the id of a run, and how it ended."""
    submission = nika.backends.submission(prepared)
    await backend.submit(submission)
    async for update in backend.events(submission.run_id):
        if update.result is not None:
            return submission.run_id, nika.backends.result(update.result)
    raise AssertionError


async def replayed(history: WorkflowHistory, folder: Path) -> Exception | None:
    """Return what keeps a worker that knows nothing of a run from going on with it, if anything does."""
    use_kernel(Kernel(nika.Workspace.open(folder)))
    replayer = Replayer(
        workflows=[workflow.NikaRun],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=converter(LargePayloads(None)),
    )
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


def with_versions_of_today(text: str) -> str:
    """Return a history as if it had been begun with the plugins of today: which are needed is another rule."""
    data = json.loads(text)
    payload = data["events"][0]["workflowExecutionStartedEventAttributes"]["input"]["payloads"][0]
    start = json.loads(base64.b64decode(payload["data"]))
    for planned in start["definition"]["plugins"].values():
        planned[1] = importlib.metadata.version(planned[0])
    payload["data"] = base64.b64encode(json.dumps(start).encode()).decode()
    return json.dumps(data)


@pytest.mark.parametrize("recorded", RECORDED, ids=[path.stem for path in RECORDED])
async def test_a_run_that_was_begun_before_an_update_goes_on_after_it(recorded: Path, folder: Path) -> None:
    history = WorkflowHistory.from_json("run", with_versions_of_today(recorded.read_text()))

    assert await replayed(history, folder) is None, "see record_histories.py"


async def test_a_change_of_what_a_run_does_next_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CoreDriver, "_ask", lambda self, call, needs: self._actions.append(SetTimer("x", 1.0)))
    [recorded] = [path for path in RECORDED if path.stem == "everything"]
    history = WorkflowHistory.from_json("run", with_versions_of_today(recorded.read_text()))

    assert "Nondeterminism" in repr(await replayed(history, folder))


async def test_a_long_history_is_continued_in_a_new_one(
    own_namespace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_HISTORY", 40)
    monkeypatch.setattr(driver_context, "_CARRIED", 3)
    items = json.dumps(list(range(1, 19)))
    text = f"tasks:\n  - id: many\n    forEach: {{items: {items}, maxConcurrent: 3}}\n"
    text += "    shell: 'echo item ${each.item}'\n"

    async with worker_here(own_namespace.url, folder) as backend:
        run_id, result = await run(backend, BackendRuns(own_namespace.url, folder), text)
        events = [event async for update in backend.events(run_id) for event in update.events]
    description = await (await handle_of(own_namespace.url, run_id)).describe()

    assert result.task("many").output == [f"item {number}" for number in range(1, 19)]
    assert description.raw_description.workflow_execution_info.first_run_id != description.run_id
    assert description.history_length < 120
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))  # also what the new one was not given
    ended = {event["task"] for event in events if event["kind"] == "task.succeeded"}
    assert ended >= {f"many[{number}]" for number in range(18)}
    assert description.workflow_type == names.WORKFLOW


@pytest.mark.parametrize("most", [100, pytest.param(1000, marks=pytest.mark.long)])
async def test_a_long_list_keeps_to_what_the_server_bears(
    own_namespace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """No more activities are pending than the bound, and a full history is followed by another one.

    The server bears the real bound, of 1,000: that takes a minute.
    """
    monkeypatch.setattr(workflow, "_PENDING", most)
    monkeypatch.setattr(workflow, "_AT_ONCE", 1000 * most)
    monkeypatch.setattr(workflow, "_HISTORY", most * 5 // 2)
    count = most + most // 100
    text = f"tasks:\n  - id: many\n    forEach: {json.dumps(list(range(count)))}\n    llm: 'item ${{each.item}}'\n"
    text += "  - id: after\n    llm: '{{many | length}} items'\n"
    text = f"agent: {{provider: mock, model: mock, maxTokens: 10}}\n{text}"
    limits = dict.fromkeys(("NIKA_MAX_ITEMS", "NIKA_MAX_CONCURRENT"), str(count)) | {
        "NIKA_MAX_TOKENS_TOTAL": "10000000"
    }
    path = folder / "w.nika.yaml"
    path.write_text(text)
    prepared = nika.prepare(path, workspace=nika.Workspace.open(path, environ={**os.environ, **limits}), elsewhere=True)

    async with worker_here(own_namespace.url, folder) as backend:
        run_id, result = await submitted(backend, prepared)
    histories = [each async for each in histories_of(own_namespace.url, run_id)]
    pending = [most_pending(each) for each in histories]

    assert result.task("many").output == [f"mock: item {number}" for number in range(count)]
    assert 0.9 * most < max(pending) <= most  # a step starts fewer: the server takes no more at once
    assert result.task("after").output == f"mock: {count} items"
    assert len(histories) == 2


async def histories_of(url: str, run_id: str) -> AsyncIterator[WorkflowHistory]:
    """Yield the histories of a run, from the first one."""
    client = await connect(Address(url, {}), LargePayloads(None))
    next_run = (await client.get_workflow_handle(run_id).describe()).raw_description
    next_id: str = next_run.workflow_execution_info.first_run_id
    while next_id:
        history = await client.get_workflow_handle(run_id, run_id=next_id).fetch_history()
        yield history
        next_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id


def most_pending(history: WorkflowHistory) -> int:
    """Return how many activities were pending at once, at most."""
    pending, most = 0, 0
    for event in history.events:
        kind = EventType.Name(event.event_type)
        if kind == "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED":
            pending += 1
            most = max(most, pending)
        elif kind.startswith("EVENT_TYPE_ACTIVITY_TASK_") and not kind.endswith(("_STARTED", "_REQUESTED")):
            pending -= 1
    return most


async def test_a_step_that_takes_long_on_a_busy_machine_is_not_taken_for_a_deadlock(
    own_namespace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, steps = CoreDriver.start, []

    def slow(self: CoreDriver) -> Any:
        steps.append(time.sleep(2.5))  # the library's own bound is 2 s
        return start(self)

    monkeypatch.setattr(CoreDriver, "start", slow)

    async with worker_here(own_namespace.url, folder) as backend:
        _, result = await run(backend, BackendRuns(own_namespace.url, folder), "tasks: [{id: one, shell: echo 1}]\n")

    assert result.task("one").output == "1"
    assert len(steps) == 1


async def test_a_long_task_holds_nothing_up_when_the_history_is_full(
    own_namespace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_HISTORY", 40)
    monkeypatch.setattr(workflow, "_DRAINING", 1.0)
    done = folder / "done"
    text = f"""
tasks:
  - id: long
    shell: 'until [ -e {done} ]; do sleep 0.1; done; echo it was there'
  - id: many
    forEach: {{items: {json.dumps(list(range(15)))}, maxConcurrent: 3}}
    shell: 'echo ${{each.item}}'
  - id: last
    shell: 'touch {done}'
flows: [{{source: many, target: last}}]
"""

    async with worker_here(own_namespace.url, folder) as backend:
        _, result = await run(backend, BackendRuns(own_namespace.url, folder), text)

    assert result.task("long").output == "it was there"


async def test_a_state_that_does_not_travel_stays_until_the_history_ends(
    own_namespace: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_HISTORY", 20)
    monkeypatch.setattr(workflow, "_LONGEST_HISTORY", 60)
    monkeypatch.setattr(workflow, "MOST", 3000)
    text = f"tasks:\n  - id: many\n    forEach: {{items: {json.dumps(list(range(100)))}, maxConcurrent: 3}}\n"
    text += "    shell: 'echo ${each.item}'\n"

    async with worker_here(own_namespace.url, folder) as backend:
        _, result = await run(backend, BackendRuns(own_namespace.url, folder), text)

    assert result.status == "cancelled"
    assert "its history is full" in result.task("many").failure.message
    assert "--shared DIR" in result.task("many").failure.message


@pytest.mark.long
async def test_a_run_of_more_than_ten_thousand_events_is_shown_and_resumed(
    own_namespace: Any, workers: Any, nika: Any, folder: Path
) -> None:
    """Nothing is made smaller here: the run fills a history as it does in production. That takes a minute."""
    count, go, shared = 3_600, folder / "go", folder / "shared"
    shared.mkdir()
    (folder / "w.nika.yaml").write_text(
        f"""
agent: {{provider: mock, model: mock, maxTokens: 10}}
tasks:
  - {{id: many, forEach: {json.dumps(list(range(count)))}, llm: "item ${{each.item}}"}}
  - {{id: last, shell: "test -e {go} && echo '{{{{many | length}}}} items'"}}
"""
    )
    names_of_limits = ("NIKA_MAX_ITEMS", "NIKA_MAX_TOKENS_TOTAL", "NIKA_MAX_CONCURRENT")
    environ = dict(zip(names_of_limits, (str(count), "10000000", "200"), strict=True))
    on = ("--on", own_namespace.url, "--shared", str(shared), "--format", "json")
    workers.start("--shared", str(shared), "--concurrency", "100")

    failed = await asyncio.to_thread(nika, "run", *on, "w.nika.yaml", folder=folder, environ=environ)
    run_id = json.loads(failed.stdout)["runId"]
    shown = json.loads((await asyncio.to_thread(nika, "runs", "show", run_id, *on, folder=folder)).stdout)
    go.write_text("")
    resumed = await asyncio.to_thread(nika, "resume", run_id, *on, folder=folder, environ=environ)
    again = json.loads(resumed.stdout)
    lengths = [len(each.events) async for each in histories_of(own_namespace.url, run_id)]
    later = [len(each.events) async for each in histories_of(own_namespace.url, again["runId"])]

    assert failed.returncode == 1
    assert len(lengths) == 2
    assert lengths[0] > 10_000
    assert {task["id"]: task["state"] for task in shown["tasks"]} == {"many": "success", "last": "failed"}
    assert resumed.returncode == 0, resumed.stderr
    assert {task["id"]: task["output"] for task in again["tasks"]} == {
        "many": [f"mock: item {number}" for number in range(count)],
        "last": f"{count} items",
    }
    assert sum(later) < 100  # nothing of the list is done again
