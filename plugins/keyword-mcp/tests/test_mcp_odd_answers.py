"""Answers as servers over stdio really send them: none is taken for a good one, none ends what others use."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_mcp.facets import McpFacets
from nika_keyword_mcp.step import McpStep

from nika_core.errors import Category, TaskError
from nika_core.testing import odd_mcp_command


def odd(context: Any, greeting: str = "", **lines: str) -> Any:
    """A context whose server `odd` answers the methods (with `_` for `/`) by raw lines."""
    answers = {name.replace("_", "/"): [{"text": line}] for name, line in lines.items()}
    file = context.folder / "odd.json"
    file.write_text(json.dumps({"scenarios": {"odd": {"greeting": greeting, "answers": answers}}}))
    server = odd_mcp_command(file, "odd", log=context.folder / "log")
    context.sections = {"mcpServers": {"odd": server}}
    return context


async def call(context: Any, tool: str = "t", **args: Any) -> Any:
    async with asyncio.timeout(120):
        return await McpStep().run({"reference": f"odd::{tool}", "args": args}, context)


async def fails(context: Any) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await call(context)
    assert caught.value.category is not Category.TIMEOUT
    return caught.value


def answer(**more: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 0, **more}).replace('"id": 0', '"id": @ID') + "\n"


def result(**fields: Any) -> str:
    return answer(result=fields)


TEXT = [{"type": "text", "text": "hello"}]


@pytest.mark.parametrize(
    ("line", "output"),
    [
        (result(structuredContent={"n": 1}), {"n": 1}),
        (result(content=None, structuredContent={"n": 1}), {"n": 1}),
        (result(content=TEXT, structuredContent=3), 3),
        (result(content=TEXT, isError=None), "hello"),
        (result(content=TEXT[0]), "hello"),
        (result(content=[{"type": "widget", "data": 1}, *TEXT, 7]), "[widget]\nhello\n7"),
        (result(content=[{"type": "text", "text": None}, *TEXT]), "\nhello"),
        (result(content=[{"type": "text", "text": "hello", "annotations": {"priority": 7}}]), "hello"),
        (result(content=[{"type": "image"}, {"type": "resource", "resource": {}}]), "[image]\n[resource]"),
        (result(content=[{"type": "resource", "resource": {"uri": "no uri", "text": "inner"}}]), "inner"),
        (result(content=TEXT, _meta=None), "hello"),
        (result(content=TEXT).replace("@ID", "@ID.0"), "hello"),
        ("progress 50% " + result(content=TEXT), "hello"),
        ("[info] {ready} \r" + result(content=TEXT), "hello"),
        ("\udcff\udcfe no text\n" + result(content=TEXT), "hello"),
        ("{\n" + result(content=TEXT)[1:].replace(", ", ",\n ").strip()[:-1] + "\n}\n", "hello"),
        (result(content=TEXT).replace("hello", "a\tb"), "a\tb"),
        (
            json.dumps(json.loads(result(content=TEXT).replace("@ID", "0")), indent=2).replace(": 0", ": @ID") + "\n",
            "hello",
        ),
    ],
)
async def test_an_answer_that_breaks_a_rule_is_read_as_far_as_it_says_something(
    small: Any, line: str, output: Any
) -> None:
    assert await call(odd(small, tools_call=line)) == output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (answer(error={"message": "real reason"}), "odd::t: real reason"),
        (answer(error={"code": 7.0, "message": ["real", {"detail": "reason"}]}), "odd::t: real; reason"),
        (answer(error={"code": -32000, "message": "no", "data": {"why": "quota"}}), 'odd::t: no ({"why": "quota"})'),
        (answer(error={"code": -32603, "data": "real reason"}), "real reason"),
        (answer(result=None, error={"code": -32000, "message": "real reason"}), "odd::t: real reason"),
        (answer(error={"code": -32700, "message": "bad"}).replace("@ID", "null"), "odd::t: bad"),
        (answer(result="text"), "the server's answer cannot be read: text"),
        (answer(), "the server's answer cannot be read"),
        (result(content=TEXT, isError=True), "odd::t: hello"),
    ],
)
async def test_a_failure_is_said_at_once_in_the_servers_words(small: Any, line: str, said: str) -> None:
    assert said in (await fails(odd(small, tools_call=line))).message


PROGRESS = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}}


async def words_when_stopped(context: Any) -> str:
    """What a call says that is stopped once the server has written words, then its progress, and no answer."""
    under_way = asyncio.create_task(call(context))
    async with asyncio.timeout(60):
        while not context.reports:
            await asyncio.sleep(0.01)
    under_way.cancel()
    with pytest.raises(TaskError) as caught:
        await under_way
    return caught.value.message


def progress() -> str:
    return json.dumps(PROGRESS).replace('"progress": 1', '"progress": 1, "progressToken": @ID')


async def test_a_call_that_is_stopped_says_what_came_in_place_of_an_answer(small: Any) -> None:
    context = odd(small, tools_call=f"the disk is full\n{progress()}\n")
    assert await words_when_stopped(context) == (
        "what the MCP server 'odd' sent last is not a message: the disk is full"
    )


async def test_a_call_that_is_stopped_without_a_word_of_the_server_is_just_stopped(small: Any) -> None:
    with pytest.raises(asyncio.CancelledError):
        await words_when_stopped(odd(small, tools_call=f"{progress()}\n"))


async def test_an_error_of_one_call_ends_neither_the_server_nor_other_calls(small: Any, tmp_path: Path) -> None:
    context = odd(small, tools_call=answer(error={"code": -32000, "message": "quota"}))
    errors = [await fails(context) for _ in range(3)]
    assert {(one.category, one.message) for one in errors} == {(Category.EXECUTION, "odd::t: quota")}
    assert sum("started" in json.loads(line) for line in (tmp_path / "log").read_text().splitlines()) == 1


def listed(*tools: Any, **more: Any) -> str:
    return result(tools=list(tools), **more)


GOOD_TOOL = {"name": "t", "inputSchema": {"type": "object"}}


@pytest.mark.parametrize(
    "line",
    [
        listed({"name": "broken"}, GOOD_TOOL),
        listed({}, None, {"name": None}, {"name": "", "inputSchema": 3}, GOOD_TOOL),
        listed({"name": "t", "inputSchema": None, "outputSchema": None, "description": None, "annotations": None}),
        listed({"name": "t", "inputSchema": {}, "description": ["no text"], "icons": "none"}),
        listed({"name": "t", "inputSchema": {"type": ["object", "null"], "properties": None, "required": None}}),
        listed({"name": "t", "inputSchema": {"properties": {"a": True}}, "outputSchema": "none"}),
        listed({"name": "t", "inputSchema": {"type": "object", "properties": {"a": {"type": "strng"}}}}),
        listed(GOOD_TOOL, nextCursor="the same for ever"),
        listed(GOOD_TOOL, nextCursor=""),
        listed(GOOD_TOOL, nextCursor=None),
    ],
)
async def test_one_tool_that_cannot_be_read_discards_no_other(small: Any, line: str) -> None:
    context = odd(small, tools_list=line)
    assert await call(context, a=1) == "good"
    assert "odd__t" in {tool.spec.name for tool in await McpFacets().tools("odd::*", context)}


async def test_a_list_of_tools_that_cannot_be_read_is_said(small: Any) -> None:
    assert "cannot be read" in (await fails(odd(small, tools_list=result(tools="none")))).message


async def test_a_server_may_have_no_tools(small: Any) -> None:
    assert (await fails(odd(small, tools_list=result(tools=None)))).hint == "there is none"


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("schema", "line", "output"),
    [
        (SCHEMA, result(structuredContent={"n": 1}), {"n": 1}),
        ({"type": "array"}, result(content=TEXT, structuredContent=[1]), [1]),
        ({"type": "nonsense"}, result(structuredContent={"n": 1}), {"n": 1}),
        (SCHEMA, result(structuredContent={"n": "x"}), "structuredContent.n: 'x' is not of type 'integer'"),
        (SCHEMA, result(content=TEXT), "returned no structured content; it returned: hello"),
        (SCHEMA, result(content=TEXT, structuredContent={"error": 1}, isError=True), "odd::t: hello"),
    ],
)
async def test_structured_content_is_checked_against_the_tools_own_schema(
    small: Any, schema: Any, line: str, output: Any
) -> None:
    context = odd(small, tools_list=listed({**GOOD_TOOL, "outputSchema": schema}), tools_call=line)
    if isinstance(output, str):
        assert output in (await fails(context)).message
    else:
        assert await call(context) == output


def initialized(**fields: Any) -> str:
    whole = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "odd", "version": "1"}}
    return answer(result={**whole, **fields})


@pytest.mark.parametrize(
    "lines",
    [
        {"greeting": "up "},
        {"initialize": initialized(capabilities={"tools": None})},
        {"initialize": initialized(serverInfo=None, instructions=None)},
        {"initialize": initialized(serverInfo={"name": "odd"}).replace("@ID", '"@ID"')},
    ],
)
async def test_a_server_that_introduces_itself_oddly_is_used(small: Any, lines: dict[str, str]) -> None:
    assert await call(odd(small, **lines)) == "good"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (answer(error={"code": -32603, "message": "license expired"}), "refuses to open a session: license expired"),
    ],
)
async def test_why_a_session_is_refused_is_said(small: Any, line: str, said: str) -> None:
    error = await fails(odd(small, initialize=line))
    assert said in error.message
    assert "'odd'" in error.message


async def test_opening_a_server_has_a_time_of_its_own(small: Any) -> None:
    small.environ["NIKA_MCP_OPEN_TIMEOUT"] = "no time"
    with pytest.raises(TaskError, match="NIKA_MCP_OPEN_TIMEOUT: expected a duration"):
        await call(odd(small))
    code = "import sys; print('downloading', file=sys.stderr, flush=True); sys.stdin.read()"
    del small.environ["NIKA_MCP_OPEN_TIMEOUT"]
    small.timeout = 1.0
    small.sections = {"mcpServers": {"odd": {"command": sys.executable, "args": ["-c", code]}}}
    with pytest.raises(TaskError, match="has not come up within the task's time; its last words: downloading") as error:
        await call(small)
    assert error.value.category is Category.TIMEOUT
    assert "NIKA_MCP_TIMEOUT" in (error.value.hint or "")


@pytest.mark.parametrize("name", ["mcp", "client"])
def test_what_the_sdk_logs_of_odd_messages_is_not_printed(name: str) -> None:
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger(name).handlers)
