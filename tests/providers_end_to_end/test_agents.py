"""Agents with MCP, function, shell and http tools, on scripted servers of both wire formats."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from llmock.scenarios import Reply, ToolCall, ToolFault

from nika_core.journal import Journal
from nika_core.model.events import EventKind

from .conftest import KEY, Nika, Wire, Write

SERVER = """
from mcp.server import MCPServer

server = MCPServer("stock")


@server.tool()
def price(item: str) -> dict[str, float]:
    \"\"\"What an item costs.\"\"\"
    return {"tea": {"euros": 3.5}}[item]


@server.tool()
def burn(item: str) -> str:
    \"\"\"Burns an item.\"\"\"
    return "burnt"


server.run("stdio")
"""
TOOLS = """
from pathlib import Path


def count(text: str, times: int = 1) -> int:
    \"\"\"Count words.\"\"\"
    with Path("counted.log").open("a") as log:
        log.write(text + "\\n")
    return len(text.split()) * times


def broken(text: str) -> int:
    \"\"\"Never works.\"\"\"
    raise ValueError("the shop is closed")


def secret() -> int:
    \"\"\"Not for models.\"\"\"
    return 7
"""
WORKFLOW = """
agent:
  model: {model}
  provider: {provider}
  maxTurns: 6
  maxTokens: 500
  allowedTools: [{server}"function::tools.py::*", shell, http]
  disallowedTools: ["mcp::stock::burn", "function::tools.py::secret"]
mcpServers:
  stock: {{command: python, args: [stock.py]}}
tasks:
  - {{id: solve, agent: "What does tea cost?", retry: {{max: 1}}}}
"""


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"open, you asked {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NIKA_HTTP_ALLOW", f"127.0.0.1:{server.server_port}")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def house(write: Write, wire: Wire) -> Wire:
    write("stock.py", SERVER)
    write("tools.py", TOOLS)
    write("w.nika.yaml", WORKFLOW.format(model=wire.model, provider=wire.provider, server=""))
    return wire


def calls(*each: tuple[str, Any], text: str | None = None) -> Reply:
    """A reply that asks for tools."""
    return Reply(text=text, tool_calls=tuple(ToolCall(name, arguments) for name, arguments in each))


def results(wire: Wire, call: int) -> str:
    """What the model was told in its `call`-th request, as text."""
    return json.dumps(wire.calls[call], ensure_ascii=False)


def test_an_agent_solves_a_task_with_tools_of_every_kind_called_side_by_side(
    nika: Nika, write: Write, house: Wire, shop: str, folder: Path, the_run: Callable[[], str]
) -> None:
    write("w.nika.yaml", WORKFLOW.format(model=house.model, provider=house.provider, server='"mcp::stock::*", '))
    house.add(
        calls(
            ("stock__price", {"item": "tea"}),
            ("tools_count", {"text": "one two three", "times": 2}),
            ("shell", {"command": "echo from the $((20 + 1))st shell"}),
            ("http", {"url": f"{shop}/tea"}),
        ),
        Reply(text="Tea costs 3.50."),
    )
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    result = done.lines[-1]["data"]
    assert result["output"] == "Tea costs 3.50."
    assert len(house.calls) == 2
    offered = json.dumps(house.calls[0]["tools"])
    assert "stock__price" in offered
    assert "stock__burn" not in offered  # disallowed
    told = results(house, 1)
    for word in ("3.5", "6", "from the 21st shell", "open, you asked /tea"):
        assert word in told
    events = done.events("tool.called")
    assert {each["data"]["tool"] for each in events} == {
        "mcp::stock::price", "function::tools.py::count", "shell", "http"
    }  # fmt: skip
    assert not any(each["data"]["isError"] for each in events)
    recorded = Journal.open(folder).load(the_run()).events
    assert sum(event.kind is EventKind.TOOL_CALLED for event in recorded) == 4
    usages = [each["data"]["usage"] for each in done.events("model.called")]
    assert result["usage"]["calls"] == 2
    assert result["usage"]["inputTokens"] == sum(usage["inputTokens"] for usage in usages) > 0
    assert result["usage"]["outputTokens"] == sum(usage["outputTokens"] for usage in usages) > 0
    house.mock.assert_resilient(strict=True)


def test_what_goes_wrong_with_a_tool_is_told_to_the_model_and_it_mends_it(
    nika: Nika, house: Wire, folder: Path
) -> None:
    house.add(
        calls(("tools_count", {"txt": "oops"}), ("tools_secret", {}), ("tools_broken", {"text": "x"})),
        calls(("http", {"url": "http://169.254.169.254/latest/meta-data"}), ("shell", {"command": "exit 3"})),
        calls(("tools_count", {"text": "one two"})),
        Reply(text="two"),
    )
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "two"
    first, second = results(house, 1), results(house, 2)
    assert "Fix that and call the tool again" in first
    assert "There is no tool 'tools_secret'" in first
    assert "the shop is closed" in first
    assert "169.254.169.254" in second
    assert "exitCode" in second  # a command that fails is a result
    errors = [each["data"]["tool"] for each in done.events("tool.called") if each["data"]["isError"]]
    assert sorted(errors) == ["function::tools.py::broken", "function::tools.py::count", "http", "tools_secret"]
    assert (folder / "counted.log").read_text() == "one two\n"


def test_arguments_that_are_no_json_go_back_to_the_model(nika: Nika, house: Wire) -> None:
    house.add(ToolFault("malformed_arguments"))
    house.add(calls(("tools_count", {"text": "now as JSON"})), Reply(text="three"))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "three"
    assert any(each["data"]["isError"] for each in done.events("tool.called"))


def test_who_asks_for_tools_for_ever_ends_at_max_turns_with_a_true_count(nika: Nika, house: Wire) -> None:
    house.add(Reply(tool_calls=(ToolCall("tools_count", {"text": "again"}),), times=None))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    assert "maxTurns" in done.tasks["solve"]["error"]["message"]
    assert done.json["usage"]["calls"] == len(house.calls) == 6


def test_the_budget_ends_a_loop_before_the_call_that_does_not_fit(
    nika: Nika, house: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_TOKENS_TASK", "2500")
    house.add(Reply(tool_calls=(ToolCall("tools_count", {"text": "again " * 300}),), times=None))
    done = nika("run", "w.nika.yaml", "--format", "json")
    error = done.tasks["solve"]["error"]
    assert (error["category"], error["code"]) == ("budget", "NIKA-064")
    assert done.json["usage"]["totalTokens"] <= 2500
    assert done.json["usage"]["calls"] == len(house.calls)


def test_a_run_that_is_killed_inside_a_tool_pays_nothing_and_does_nothing_twice(
    nika: Nika,
    start: Callable[..., subprocess.Popen[str]],
    house: Wire,
    folder: Path,
    the_run: Callable[[], str],
) -> None:
    once = "touch killed; until test -s pid; do :; done; kill -9 $(cat pid); sleep 10"
    kill = f"test -e killed || {{ {once}; }}; echo survived"
    house.add(
        calls(("tools_count", {"text": "before"})),
        calls(("shell", {"command": kill}), ("tools_count", {"text": "beside"}), text="now the shell"),
        Reply(text="done at last"),
    )
    process = start("run", "w.nika.yaml", "--format", "jsonl")
    (folder / "pid").write_text(str(process.pid))
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert len(house.calls) == 2
    shown = nika("runs", "show", the_run(), "--format", "json").json
    assert shown["status"] == "interrupted"
    paid = shown["usage"]
    assert paid["calls"] == 2

    done = nika("resume", the_run(), "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "done at last"
    assert len(house.calls) == 3
    assert "survived" in results(house, 2)
    counted = (folder / "counted.log").read_text().splitlines()
    assert counted.count("before") == 1
    reused = [each["data"].get("reused", False) for each in done.events("model.called")]
    assert reused == [True, True, False]
    whole = nika("runs", "show", the_run(), "--format", "json").json["usage"]
    assert whole["calls"] == 3
    assert whole["totalTokens"] > paid["totalTokens"]


def test_a_task_may_only_narrow_what_the_agent_block_allows_and_a_subagent_has_its_own(
    nika: Nika, write: Write, wire: Wire
) -> None:
    write("tools.py", TOOLS)
    write(
        "w.nika.yaml",
        f"""\
        agent:
          model: {wire.model}
          provider: {wire.provider}
          allowedTools: ["function::tools.py::*"]
        tasks:
          - {{id: narrow, agent: "ask narrow", allowedTools: ["function::tools.py::broken"]}}
          - {{id: none, agent: "ask none", allowedTools: []}}
          - {{id: own, subagent: "ask own", allowedTools: [shell]}}
        """,
    )
    wire.mock.tool_mode("off")
    assert nika("run", "w.nika.yaml").code == 0
    offered = {
        talk[-1][1]: json.dumps(body.get("tools", ""))
        for talk, body in zip(wire.conversations, wire.calls, strict=True)
    }
    assert "tools_broken" in offered["ask narrow"]
    assert "tools_count" not in offered["ask narrow"]
    assert offered["ask none"] == '""'
    assert '"shell"' in offered["ask own"]
    assert "tools_" not in offered["ask own"]


def test_neither_a_key_nor_a_secret_of_a_tool_is_ever_shown(
    nika: Nika, house: Wire, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "shop-secret-987654")
    house.add(calls(("shell", {"command": "echo $SHOP_TOKEN"})), Reply(text=f"it is shop-secret-987654 and {KEY}"))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "it is *** and ***"
    for secret in ("shop-secret-987654", KEY):
        assert secret not in done.out + done.err
        for file in (folder / ".nika").rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()
