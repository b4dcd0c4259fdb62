"""`nika mcp`: runs that are answered late, twice or after a restart, and runs that are not the client's business."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from mcp.client.client import Client
from mcp_types import CallToolResult
from nika_command_mcp.runs import ServedRun
from nika_command_mcp.server import _until_ended

import nika_core as nika

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]
GATED = """\
name: gated
inputs: {}
tasks:
  - {id: ok, ask: {message: "Deploy?", form: {note: {type: string}}}}
  - {id: deploy, shell: "echo {{ok.note}} > deployed; cat go; echo done"}
"""
BESIDE = """\
name: beside
inputs: {}
tasks:
  - {id: ok, ask: {message: "Go on?", form: {note: {type: string}}}}
  - {id: work, shell: "cat go; echo worked"}
outputs: "{{ok.note}} {{work}}"
"""
PLAIN = "name: plain\ninputs: {}\ntasks:\n  - {id: a, set: 1}\n"
ANSWER = {"task": "ok", "answer": {"note": "yes"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("gated", GATED), ("beside", BESIDE), ("plain", PLAIN)):
        (tmp_path / f"{name}.nika.yaml").write_text(text)
    os.mkfifo(tmp_path / "go")
    return tmp_path


def value(result: CallToolResult) -> Any:
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def let_go(folder: Path) -> None:
    os.close(os.open(folder / "go", os.O_WRONLY))


async def until_ended(client: Client, run_id: str) -> Any:
    while value(found := await client.call_tool("nika_result", {"runId": run_id}))["status"] == "running":
        pass
    return value(found)


async def test_a_run_of_a_workflow_that_is_not_served_can_be_neither_seen_nor_answered(
    folder: Path, serve: Serve
) -> None:
    run_id = (await nika.arun(folder / "gated.nika.yaml")).run_id
    async with serve(folder, "plain.nika.yaml", wait=0) as client:
        for named in (run_id, run_id[:-2], "last"):
            for tool, more in (("nika_answer", ANSWER), ("nika_result", {}), ("nika_cancel", {})):
                done = await client.call_tool(tool, {"runId": named, **more})
                assert done.is_error
                assert "There is no run" in value(done)["error"]
    (asked,) = nika.questions(run_id, folder=folder)
    assert not asked.answered_by
    assert not (folder / "deployed").exists()


async def test_an_answer_to_a_run_that_goes_on_is_taken_by_it_however_often_it_is_given(
    folder: Path, serve: Serve
) -> None:
    async with serve(folder, "beside.nika.yaml", wait=1) as client:
        begun = value(await client.call_tool("beside", {}))
        assert begun["status"] == "running"
        assert [asked["task"] for asked in begun["questions"]] == ["ok"]
        assert begun["questions"][0]["form"]
        arguments = {"runId": begun["runId"], **ANSWER}
        answered = await asyncio.gather(*(client.call_tool("nika_answer", arguments) for _ in range(3)))
        assert {value(each)["status"] for each in answered} == {"running"}
        await asyncio.to_thread(let_go, folder)
        assert (await until_ended(client, begun["runId"]))["output"] == "yes worked"


async def test_a_run_that_was_resumed_counts_and_is_cancelled(folder: Path, serve: Serve) -> None:
    async with serve(folder, "gated.nika.yaml", "plain.nika.yaml", wait=5, max_runs=1) as client:
        run_id = value(await client.call_tool("gated", {}))["runId"]
        answering = asyncio.create_task(client.call_tool("nika_answer", {"runId": run_id, **ANSWER}))
        while not (folder / "deployed").exists():
            await asyncio.sleep(0.02)
        refused = await client.call_tool("plain", {})
        assert "as many as this server allows" in value(refused)["error"]
        cancelled = await client.call_tool("nika_cancel", {"runId": run_id})
        assert value(cancelled)["status"] == "cancelled"
        assert value(await answering)["status"] == "cancelled"
        assert value(await client.call_tool("plain", {}))["output"] == 1


async def test_a_later_server_still_has_the_question_also_of_a_workflow_in_another_project(
    folder: Path, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "nika.yaml").write_text("{}\n")
    file = str(folder / "gated.nika.yaml")
    async with serve(elsewhere, file) as client:
        run_id = value(await client.call_tool("gated", {}))["runId"]
    async with serve(elsewhere, file) as client:
        paused = value(await client.call_tool("nika_result", {"runId": run_id}))
        assert paused["status"] == "paused"
        assert [asked["task"] for asked in paused["questions"]] == ["ok"]
        answering = asyncio.create_task(client.call_tool("nika_answer", {"runId": run_id, **ANSWER}))
        await asyncio.to_thread(let_go, folder)
        assert value(await answering)["output"] == "done"
    async with serve(elsewhere, file) as client:
        assert value(await client.call_tool("nika_result", {"runId": run_id}))["output"] == "done"


async def test_a_run_that_ends_while_the_client_is_told_of_progress_is_not_waited_for_any_longer(
    tmp_path: Path,
) -> None:
    run = ServedRun(tmp_path, total=1)

    async def end_meanwhile(*_: Any) -> None:
        run.error = nika.UsageError("ended")
        run.tell()

    context: Any = SimpleNamespace(session=SimpleNamespace(report_progress=end_meanwhile))
    forever = asyncio.get_running_loop().time() + 1e6
    await asyncio.wait_for(_until_ended(context, run, forever, -1), 30)
    assert run.has_ended
