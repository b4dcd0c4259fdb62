"""Requests of servers that break the rules: each is answered, and no call waits for what cannot be asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nika_core.plugin import TaskError

from .test_mcp_odd_answers import answer, call

SERVER = Path(__file__).parent / "oddly_asking_mcp_server.py"

DONE = answer(result={"content": [{"type": "text", "text": "told: @ANSWER"}]})


def odd(context: Any, **lines: str) -> Any:
    """Let the server `odd` answer methods (with `_` for `/`), and our answers, by raw lines."""
    script = {name.replace("_", "/"): line for name, line in lines.items()}
    server = {"command": sys.executable, "args": [str(SERVER), json.dumps(script)]}
    context.sections = {"mcpServers": {"odd": server}}
    return context


def request(params: Any, **more: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": "e-1", "method": "elicitation/create", "params": params, **more}) + "\n"


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (None, "its params are not an object"),
        ([], "its params are not an object"),
        ("x", "its params are not an object"),
        ({}, "it has no message"),
        ({"message": 4, "requestedSchema": {}}, "it has no message"),
        ({"message": "?", "requestedSchema": "x"}, "its schema is not one of an object"),
        ({"message": "?", "mode": ["url"], "url": "https://example.com"}, "its mode is"),
        ({"message": "?", "mode": "url", "url": 4}, "its url is not a text"),
        ({"message": "?", "requestedSchema": {"properties": {"a": {"properties": {}}}}}, "has the type"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_and_the_call_goes_on(
    small: Any, params: Any, told: str
) -> None:
    shown = await call(odd(small, tools_call=request(params), answer=DONE))
    refused = json.loads(shown.partition("told: ")[2])
    assert (refused["id"], refused["error"]["code"]) == ("e-1", -32602)
    assert told in refused["error"]["message"]
    assert told in small.notices[0].message


@pytest.mark.parametrize("id_", [7, "7", "x", 7.0])
async def test_an_answer_has_the_id_of_its_request(small: Any, id_: Any) -> None:
    small.answers = ["yes"]
    asked = request({"message": "Sure?", "requestedSchema": {}}, id=id_)
    shown = await call(odd(small, tools_call=asked, answer=DONE))
    told = json.loads(shown.partition("told: ")[2])
    assert str(told["id"]) == str(int(id_) if isinstance(id_, float) else id_)
    assert told["result"] == {"action": "accept", "content": {}}


async def test_a_request_without_a_call_is_refused(small: Any) -> None:
    asked = request({"message": "Sure?", "requestedSchema": {}})
    listed = answer(result={"tools": [{"name": "no call of a tool", "inputSchema": {"type": "object"}}]})
    with pytest.raises(TaskError, match="has no tool 't'"):
        await call(odd(small, tools_list=asked, answer=listed))
    assert not small.questions


async def test_a_request_without_an_id_asks_nothing(small: Any) -> None:
    asked = '{"jsonrpc": "2.0", "method": "elicitation/create", "params": {"message": "Sure?"}}\n'
    done = answer(result={"content": [{"type": "text", "text": "good"}]})
    assert await call(odd(small, tools_call=asked + done)) == "good"
    assert not small.questions


async def test_a_server_that_never_stops_asking_is_told_so(small: Any) -> None:
    small.answers = ["yes"] * 60
    asked = request({"message": "Sure?", "requestedSchema": {}})
    enough = answer(error={"code": -32000, "message": "enough: @ANSWER"})
    with pytest.raises(TaskError, match="it asks more than 50 times in one call"):
        await call(odd(small, tools_call=asked, answer=asked, error=enough))
    assert len(small.questions) == 50
