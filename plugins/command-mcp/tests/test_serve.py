"""`nika mcp`, driven by the official client over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitResult

import nika_core as nika
from nika_core.cli import main

NIKA = str(Path(sys.executable).with_name("nika"))
Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]
Stdio: TypeAlias = Callable[..., Client]
GREET = """\
name: greet someone
description: Greets.
inputs:
  who: {type: string, description: Whom}
  times: {type: int, default: 1, min: 1, max: 3}
  loud: {type: bool, default: false}
  tags: {type: json, default: []}
agent: {model: mock, output: hello}
tasks:
  - id: hello
    set: {text: "hello ${input.who}", times: "${input.times}", tags: "${input.tags}"}
    output: {format: json, schema: {type: object, properties: {text: {type: string}}}}
"""
HELD = (
    "name: held\ninputs: {}\ntasks:\n  - {id: a, set: 1}\n  - {id: work, shell: 'echo up > up; cat go; echo ended'}\n"
)
ASKS = """\
name: asks
inputs: {}
tasks:
  - {id: ok, ask: {message: "Go on?", form: {note: {type: string}}}}
  - {id: after, shell: "echo {{ok.note}}"}
outputs: "{{after}}"
"""
FAILS = "name: fails\ninputs: {}\ntasks:\n  - {id: bad, shell: 'echo why >&2; exit 3'}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("greet", GREET), ("held", HELD), ("asks", ASKS), ("fails", FAILS)):
        (tmp_path / f"{name}.nika.yaml").write_text(text)
    return tmp_path


def value(result: CallToolResult) -> Any:
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def text(result: CallToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


@contextmanager
def http_server(folder: Path, *arguments: str, **environ: str) -> Iterator[tuple[str, str]]:
    command = [NIKA, "mcp", "--http", *arguments]
    with subprocess.Popen(
        command, cwd=folder, text=True, stdin=-3, stdout=-3, stderr=subprocess.PIPE, env={**os.environ, **environ}
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # what is served
        address = process.stderr.readline().split()[-1]
        token = environ.get("NIKA_MCP_TOKEN") or process.stderr.readline().split()[-1]
        yield address, token
        process.terminate()


@asynccontextmanager
async def http_client(address: str, token: str, **options: Any) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), **options) as client,
    ):
        yield client


async def test_each_workflow_is_a_tool_with_typed_arguments_and_results(folder: Path, serve: Serve) -> None:
    async with serve(folder) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"greet_someone", "held", "asks", "fails", "nika_result", "nika_cancel", "nika_answer"}
    greet = tools["greet_someone"]
    assert greet.description == "Greets."
    assert greet.input_schema["required"] == ["who"]
    assert greet.input_schema["properties"]["who"] == {"type": "string", "description": "Whom"}
    assert greet.input_schema["properties"]["times"] == {"type": "integer", "minimum": 1, "maximum": 3, "default": 1}
    assert greet.input_schema["properties"]["tags"] == {"default": []}
    assert greet.output_schema is not None
    assert greet.output_schema["properties"]["output"]["properties"] == {"text": {"type": "string"}}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_call_runs_the_workflow_and_its_run_is_in_the_history(folder: Path, stdio: Stdio, mode: str) -> None:
    async with stdio(folder, mode=mode) as client:
        done = await client.call_tool("greet_someone", {"who": "Ada", "times": 2, "tags": ["x"]})
    assert not done.is_error
    assert value(done)["output"] == {"text": "hello Ada", "times": 2, "tags": ["x"]}
    assert json.loads(text(done)) == value(done)["output"]
    assert nika.runs.get(value(done)["runId"], folder=folder).status == "succeeded"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "who"),
        ({"who": "Ada", "times": 4}, "times"),
        ({"who": "Ada", "times": "many"}, "times"),
        ({"who": "Ada", "what": 1}, "what"),
        ({"who": {"a": [1]}}, "who"),
    ],
)
async def test_wrong_arguments_are_an_error_that_names_them(
    folder: Path, serve: Serve, arguments: dict[str, Any], says: str
) -> None:
    async with serve(folder) as client:
        done = await client.call_tool("greet_someone", arguments)
    assert done.is_error
    assert says in text(done)
    assert nika.runs.list(folder=folder) == ()


async def test_a_run_that_fails_says_why(folder: Path, serve: Serve) -> None:
    async with serve(folder) as client:
        done = await client.call_tool("fails", {})
    assert done.is_error
    assert value(done)["status"] == "failed"
    assert "bad: " in text(done)
    assert value(done)["runId"] in text(done)


async def test_unknown_tools_and_runs_are_errors(folder: Path, serve: Serve) -> None:
    async with serve(folder) as client:
        for name, arguments, says in (
            ("nope", {}, "there is no tool 'nope'"),
            ("nika_result", {}, "'runId' is missing"),
            ("nika_result", {"runId": "20990101-000000-abcdef"}, "There is no run"),
            ("nika_answer", {"runId": "x", "task": "ok", "answer": True}, "There is no run"),
        ):
            done = await client.call_tool(name, arguments)
            assert done.is_error
            assert says in text(done)


async def test_a_long_run_returns_a_handle_and_tells_how_far_it_is(folder: Path, serve: Serve) -> None:
    os.mkfifo(folder / "go")
    progress: list[tuple[float, float | None]] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total))

    async with serve(folder, wait=1) as client:
        begun = await client.call_tool("held", {}, progress_callback=on_progress)
        assert value(begun)["status"] == "running"
        run_id = value(begun)["runId"]
        assert run_id in text(begun)
        again = await client.call_tool("nika_result", {"runId": run_id})
        assert value(again)["progress"] == {"done": 1, "total": 2}
        os.close(os.open(folder / "go", os.O_WRONLY))
        ended = await client.call_tool("nika_result", {"runId": run_id})
        while value(ended)["status"] == "running":
            ended = await client.call_tool("nika_result", {"runId": run_id})
    assert value(ended)["output"] == "ended"
    assert (1.0, 2.0) in progress
    async with serve(folder) as client:  # another server
        later = await client.call_tool("nika_result", {"runId": run_id})
    assert value(later)["output"] == "ended"


async def test_a_run_is_cancelled(folder: Path, serve: Serve) -> None:
    os.mkfifo(folder / "go")
    async with serve(folder, wait=0) as client:
        run_id = value(await client.call_tool("held", {}))["runId"]
        done = await client.call_tool("nika_cancel", {"runId": run_id})
        while value(done)["status"] == "running":
            done = await client.call_tool("nika_result", {"runId": run_id})
    assert value(done)["status"] == "cancelled"


async def test_a_client_that_goes_away_ends_what_it_has_started_and_it_can_be_resumed(
    folder: Path, stdio: Stdio
) -> None:
    os.mkfifo(folder / "go")
    async with stdio(folder, "--wait", "0") as client:
        run_id = value(await client.call_tool("held", {}))["runId"]
    assert nika.runs.get(run_id, folder=folder).status == "cancelled"


async def test_no_more_runs_than_allowed_are_under_way(folder: Path, serve: Serve) -> None:
    os.mkfifo(folder / "go")
    async with serve(folder, wait=0, max_runs=1) as client:
        await client.call_tool("held", {})
        refused = await client.call_tool("greet_someone", {"who": "Ada"})
    assert refused.is_error
    assert "as many as this server allows" in text(refused)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_question_is_put_to_the_user_of_the_client(folder: Path, serve: Serve, mode: str) -> None:
    asked: list[Any] = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append((params.message, params.requested_schema))
        return ElicitResult(action="accept", content={"note": "fine"})

    async with serve(folder, mode=mode, elicitation_callback=answer) as client:
        done = await client.call_tool("asks", {})
    assert value(done)["output"] == "fine"
    ((message, schema),) = asked
    assert message == "Go on?"
    assert schema["properties"] == {"note": {"type": "string"}}


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_without_forms_or_after_a_no_the_question_is_in_the_result_and_a_tool_answers_it(
    folder: Path, serve: Serve, mode: str
) -> None:
    async def decline(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="decline")

    for options in ({}, {"elicitation_callback": decline}):
        async with serve(folder, mode=mode, **options) as client:
            paused = await client.call_tool("asks", {})
            assert value(paused)["status"] == "paused"
            assert value(paused)["questions"][0]["task"] == "ok"
            arguments = {"runId": value(paused)["runId"], "task": "ok"}
            wrong = await client.call_tool("nika_answer", {**arguments, "answer": {"not": "a field"}})
            assert wrong.is_error
            done = await client.call_tool("nika_answer", {**arguments, "answer": {"note": "good"}})
            assert value(done)["output"] == "good"


async def test_secrets_are_masked(folder: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tells.nika.yaml").write_text("inputs: {}\ntasks:\n  - {id: a, shell: 'echo ${env.PATH_API_KEY}'}\n")
    monkeypatch.setenv("PATH_API_KEY", "s3cret-of-acme-42")
    async with serve(folder, "tells.nika.yaml") as client:
        done = await client.call_tool("tells", {})
    assert not done.is_error, text(done)
    assert "s3cret" not in text(done) + json.dumps(value(done))


@pytest.fixture(scope="module")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """One server over HTTP, for tests that only talk to it."""
    served = tmp_path_factory.mktemp("served")
    (served / "greet.nika.yaml").write_text(GREET)
    with http_server(served, NIKA_MCP_TOKEN="a-token-of-our-own") as found:
        yield found


async def test_over_http_with_the_token_several_clients_run_at_once(over_http: tuple[str, str]) -> None:
    address, token = over_http
    async with http_client(address, token) as one, http_client(address, token, mode="legacy") as other:
        results = await asyncio.gather(
            *(client.call_tool("greet_someone", {"who": who}) for client in (one, other) for who in ("A", "B"))
        )
    assert [value(each)["output"]["text"] for each in results] == ["hello A", "hello B"] * 2


async def test_without_the_token_or_with_a_foreign_host_or_origin_nothing_is_answered(
    over_http: tuple[str, str],
) -> None:
    address, token = over_http
    async with httpx2.AsyncClient() as http:
        good = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": f"Basic {token}"}, 401),
            ({**good, "Host": "evil.example"}, 421),
            ({**good, "Origin": "https://evil.example"}, 403),
        ):
            for url in (address, address.removesuffix("/")):
                assert (await http.post(url, json=body, headers=headers)).status_code == status


async def test_a_server_over_http_that_is_stopped_cancels_its_runs_and_they_can_be_resumed(folder: Path) -> None:
    os.mkfifo(folder / "go")
    with http_server(folder, "--wait", "0") as (address, token):
        async with http_client(address.removesuffix("/"), token) as client:
            run_id = value(await client.call_tool("held", {}))["runId"]
    assert nika.runs.get(run_id, folder=folder).status == "cancelled"


def test_bad_input_is_an_error_with_its_fix(
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    (folder / "twin.nika.yaml").write_text(GREET)
    (empty / "bad.nika.yaml").write_text("tasks: 1\n")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        for where, arguments, says in (
            (folder, ["."], "would both be the tool 'greet_someone'"),
            (empty, ["bad.nika.yaml"], "tasks"),
            (empty, ["none.nika.yaml"], "none.nika.yaml"),
            (folder, ["--port", "80", "greet.nika.yaml"], "--port is for --http"),
            (folder, ["--http", "--port", taken, "greet.nika.yaml"], "is taken"),
        ):
            monkeypatch.chdir(where)
            monkeypatch.setattr(sys, "argv", ["nika", "mcp", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
            shown = capfd.readouterr()
            assert ended.value.code == 2, (arguments, shown.err)
            assert says in shown.err
            assert "Traceback" not in shown.err
            assert shown.out == ""


def test_the_inspector_of_the_protocol_lists_and_calls_the_tools(folder: Path) -> None:
    node, inspector = shutil.which("node"), shutil.which("mcp-inspector")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout if node else "none"
    if int(re.sub(r"\D.*", "", version.removeprefix("v")) or 0) < 22 or inspector is None:
        pytest.skip(f"needs Node 22 or newer (here: {version.strip()}) and npm's `mcp-inspector`")

    def inspect(*arguments: str) -> Any:
        command = [inspector, "--cli", NIKA, "mcp", "greet.nika.yaml", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120)
        return json.loads(done.stdout)

    assert "greet_someone" in [tool["name"] for tool in inspect("--method", "tools/list")["tools"]]
    done = inspect("--method", "tools/call", "--tool-name", "greet_someone", "--tool-arg", "who=Ada")
    assert done["structuredContent"]["output"]["text"] == "hello Ada"
