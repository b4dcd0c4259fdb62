"""The mcp keyword against a real server, over stdio and over streamable HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_mcp.step import McpStep

from nika_core import codes
from nika_core.errors import Category, TaskError

SERVER = Path(__file__).parent / "small_mcp_server.py"


async def call(context: Any, reference: str, **args: Any) -> Any:
    async with asyncio.timeout(120):
        return await McpStep().run({"reference": reference, "args": args}, context)


async def fails(context: Any, reference: str, **args: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await call(context, reference, **args)
    return caught.value


async def test_structured_content_is_the_output_else_the_text(small: Any) -> None:
    assert await call(small, "small::add", a=2, b=3) == {"result": 5}
    assert await call(small, "small::say", text="é\n{}") == "é\n{}"
    assert await call(small, "small::mixed") == "hello\n[image image/png, 5 bytes]\n[audio audio/wav, 5 bytes]"


async def test_texts_become_what_the_tools_schema_asks_for(small: Any) -> None:
    assert await call(small, "small::add", a="3") == {"result": 4}
    found = await call(small, "small::move", point={"x": "7", "y": "0.25"}, tags='["a"]', on="true")
    assert found == {"point": {"x": 7, "y": 0.25}, "tags": ["a"], "on": True}
    assert await call(small, "small::say", text=3) == "3"


async def test_arguments_that_do_not_fit_the_schema_are_said_before_the_call(small: Any) -> None:
    error = await fails(small, "small::add", a="three", c=1)
    assert (error.category, error.code, error.retriable) == (Category.VALIDATION, codes.BAD_PAYLOAD, False)
    assert "args.a: 'three' is not of type 'integer'" in error.message
    assert "'a' is a required property (it has: a, b)" in (await fails(small, "small::add")).message


async def test_a_tools_own_failure_is_an_execution_error_with_its_text(small: Any) -> None:
    error = await fails(small, "small::fail", why="no luck")
    assert error.category is Category.EXECUTION
    assert error.message.startswith("small::fail: ")


async def test_a_call_names_the_trace_that_its_task_belongs_to(small: Any) -> None:
    assert await call(small, "small::trace") == "None"
    small.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert await call(small, "small::trace") == small.traceparent


async def test_an_unknown_tool_is_said_with_the_nearest_one(small: Any) -> None:
    error = await fails(small, "small::ad")
    assert (error.code, error.hint) == (codes.UNKNOWN_TOOL, "did you mean 'add'?")


async def test_an_unknown_server_is_said_with_the_known_ones(small: Any) -> None:
    error = await fails(small, "other::add")
    assert error.category is Category.CONFIG
    assert "known are: small" in (error.hint or "")


async def test_parallel_tasks_share_one_process(small: Any) -> None:
    found = await asyncio.gather(*(call(small, "small::whoami") for _ in range(10)))
    assert len({one["pid"] for one in found}) == 1
    assert found[0]["cwd"] == str(Path(small.folder).resolve())


async def test_a_server_sees_only_what_it_is_given(small: Any) -> None:
    small.sections["mcpServers"]["small"]["env"] = {"GIVEN": "x${env.HIDDEN_TOKEN}", "LATER": "${NOT_SET:-other}"}
    seen = await call(small, "small::environment")
    assert seen["GIVEN"] == "xnot-for-servers"
    assert seen["LATER"] == "other"
    assert "HIDDEN_TOKEN" not in seen


async def test_a_variable_that_is_not_set_is_said(small: Any) -> None:
    small.sections["mcpServers"]["small"]["env"] = {"GIVEN": "${env.NOT_SET}"}
    error = await fails(small, "small::add", a=1)
    assert error.code == codes.ENV_NOT_SET
    assert "NOT_SET in env.GIVEN" in error.message


async def test_a_crash_under_a_call_is_a_network_error_and_the_next_attempt_has_a_new_server(small: Any) -> None:
    before = (await call(small, "small::whoami"))["pid"]
    error = await fails(small, "small::crash")
    assert (error.category, error.retriable) == (Category.NETWORK, True)
    assert "ended with exit code 3" in error.message
    assert "about to crash" in error.message
    assert (await call(small, "small::whoami"))["pid"] != before


async def test_nothing_is_left_behind_when_the_run_ends(small: Any, processes: Any, tmp_path: Path) -> None:
    mark = f"left-behind-{tmp_path.name}"
    small.sections["mcpServers"]["small"]["args"].append(mark)
    await call(small, "small::breed", mark=mark)
    assert len(processes(mark)) == 2
    await small.aclose()
    assert processes(mark) == []


async def test_a_crash_is_noticed_although_a_child_of_the_server_holds_its_output(small: Any, tmp_path: Path) -> None:
    await call(small, "small::breed", mark=f"holds-output-{tmp_path.name}")
    error = await fails(small, "small::crash")
    assert error.category is Category.NETWORK
    assert "exit code 3" in error.message


async def test_a_server_that_never_answers_is_given_up(
    small: Any, tmp_path: Path, processes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(small.environ, "NIKA_MCP_OPEN_TIMEOUT", "300ms")
    mark = f"never-answers-{tmp_path.name}"
    code = "import sys, time; print('thinking', file=sys.stderr, flush=True); time.sleep(300)"
    small.sections = {"mcpServers": {"mute": {"command": sys.executable, "args": ["-c", code, mark]}}}
    error = await fails(small, "mute::add", a=1)
    assert (error.category, error.retriable) == (Category.TIMEOUT, True)
    assert "has not come up within" in error.message
    async with asyncio.timeout(120):
        while processes(mark):
            await asyncio.sleep(0.05)


async def test_a_run_that_ends_while_a_server_opens_leaves_nothing(small: Any, tmp_path: Path, processes: Any) -> None:
    mark = f"opens-{tmp_path.name}"
    args = ["-c", "import time; time.sleep(300)", mark]
    small.sections = {"mcpServers": {"mute": {"command": sys.executable, "args": args}}}
    opening = asyncio.create_task(McpStep().run({"reference": "mute::add"}, small))
    async with asyncio.timeout(120):
        while not processes(mark):
            await asyncio.sleep(0.02)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert len(processes(mark)) == 1
    await small.aclose()
    assert processes(mark) == []


async def test_a_cancelled_call_is_cancelled_in_the_server_and_the_session_goes_on(small: Any, tmp_path: Path) -> None:
    waiting = asyncio.create_task(call(small, "small::wait", folder=str(tmp_path)))
    async with asyncio.timeout(120):
        while not (tmp_path / "started").exists():
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while not (tmp_path / "cancelled").exists():
            await asyncio.sleep(0.01)
    assert await call(small, "small::add", a=1) == {"result": 2}


async def test_a_cancelled_first_call_does_not_break_the_opening(small: Any) -> None:
    first = asyncio.create_task(call(small, "small::add", a=1))
    await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await call(small, "small::add", a=1) == {"result": 2}


async def test_a_server_that_dies_at_its_start_is_said_with_its_last_words(small: Any) -> None:
    small.sections["mcpServers"]["small"]["args"].append("die")
    error = await fails(small, "small::add", a=1)
    assert error.category is Category.NETWORK
    assert "ended with exit code 7" in error.message
    assert "cannot find my settings" in error.message


async def test_a_server_may_print_nonsense_and_flood_stderr(small: Any) -> None:
    small.sections["mcpServers"]["small"]["args"].append("noisy")
    assert await call(small, "small::add", a=1) == {"result": 2}


async def test_a_command_that_is_not_there_is_said(small: Any) -> None:
    small.sections = {"mcpServers": {"small": {"command": "no-such-command-at-all"}}}
    error = await fails(small, "small::add", a=1)
    assert error.category is Category.CONFIG
    assert "command not found: 'no-such-command-at-all'" in error.message


async def test_a_folder_that_is_not_there_is_said(small: Any) -> None:
    small.sections["mcpServers"]["small"]["cwd"] = "nowhere"
    assert "has no folder" in (await fails(small, "small::add", a=1)).message


async def test_streamable_http_works_like_stdio(small: Any, http_server: str) -> None:
    small.sections = {"mcpServers": {"remote": {"url": http_server, "headers": {"X-Team": "${TEAM:-a}"}}}}
    assert await call(small, "remote::add", a="2", b=3) == {"result": 5}
    assert (await fails(small, "remote::ad")).hint == "did you mean 'add'?"
    assert (await fails(small, "remote::fail", why="x")).category is Category.EXECUTION


async def test_a_url_where_nobody_listens_is_a_network_error(small: Any) -> None:
    small.sections = {"mcpServers": {"remote": {"url": "http://127.0.0.1:1/mcp"}}}
    error = await fails(small, "remote::add", a=1)
    assert error.category is Category.NETWORK
    assert "http://127.0.0.1:1/mcp" in error.message


def started(*args: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, str(SERVER), "http", *args], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


async def test_an_http_server_that_goes_away_is_a_network_error_and_is_found_again(small: Any) -> None:
    process, url = started()
    try:
        small.sections = {"mcpServers": {"remote": {"url": url}}}
        assert await call(small, "remote::add", a=1) == {"result": 2}
        process.kill()
        process.communicate()
        error = await fails(small, "remote::add", a=1)
        assert (error.category, error.retriable) == (Category.NETWORK, True)
        assert "remote::add: the connection failed: Connection refused" in error.message
        assert "check that the server runs" in (error.hint or "")
        process, _ = started(url.rpartition(":")[2].partition("/")[0])
        assert await call(small, "remote::add", a=1) == {"result": 2}
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("status", "category"), [(401, Category.CONFIG), (403, Category.CONFIG), (502, Category.NETWORK)]
)
async def test_an_http_server_that_refuses_is_said_with_its_status(small: Any, status: int, category: Category) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() not in (b"\r\n", b""):
            pass
        writer.write(f"HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        small.sections = {"mcpServers": {"remote": {"url": f"http://127.0.0.1:{port}/mcp?key=secret"}}}
        error = await fails(small, "remote::add", a=1)
    assert error.category is category
    assert f"{status}" in error.message
    assert "secret" not in error.message


async def test_servers_come_from_the_file_beside_the_workflow_too(small: Any) -> None:
    entry = small.sections["mcpServers"]["small"]
    other = {"command": "no-such-command", "type": "stdio", "autoApprove": []}
    Path(small.folder, ".mcp.json").write_text(json.dumps({"mcpServers": {"filed": entry, "small": other}}))
    assert await call(small, "filed::add", a=1) == {"result": 2}
    assert await call(small, "small::add", a=1) == {"result": 2}  # the workflow's own wins


@pytest.mark.parametrize("reference", ["", "small", "small::", "::add", None, 3])
async def test_what_is_no_reference_is_said(small: Any, reference: Any) -> None:
    with pytest.raises(TaskError, match="not a reference to a tool"):
        await McpStep().run({"reference": reference}, small)


async def test_a_servers_progress_is_the_tasks(small: Any) -> None:
    assert await call(small, "small::count", to=3) == {"result": "counted"}
    assert small.reports == [(1, 3, "number 1"), (2, 3, "number 2"), (3, 3, "number 3")]


async def test_a_server_gets_the_workflows_variables_and_its_own_win(small: Any) -> None:
    small.env = {"FROM_WORKFLOW": "yes", "BOTH": "workflow"}
    small.sections["mcpServers"]["small"]["env"] = {"BOTH": "server"}
    seen = await call(small, "small::environment")
    assert (seen["FROM_WORKFLOW"], seen["BOTH"], "HIDDEN_TOKEN" in seen) == ("yes", "server", False)


async def test_tasks_with_other_variables_have_a_server_of_their_own(small: Any) -> None:
    small.env = {"WHO": "one"}
    first = await call(small, "small::environment")
    small.env = {"WHO": "two"}
    assert (first["WHO"], (await call(small, "small::environment"))["WHO"]) == ("one", "two")
