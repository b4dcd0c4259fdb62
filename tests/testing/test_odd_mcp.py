"""The MCP server that plays a scenario does what its file says, over stdio and over HTTP."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from nika_core.testing import McpScenario, OddMcpServer, ScenarioError, odd_mcp_command, read_mcp_scenarios


def write(folder: Path, text: str) -> Path:
    path = folder / "mcp.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def scenario(folder: Path, answers: str) -> McpScenario:
    return read_mcp_scenarios(write(folder, f"scenarios: {{s: {{answers: {answers}}}}}\n"))[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scenarios: {}\n", "there is no scenario"),
        ("scenarios: {s: {answer: {}}}\n", "mcp.yaml:1:17: scenarios.s.answer: unknown key `answer`"),
        ("scenarios: {s: {answers: {tools/call: []}}}\n", "expected at least one answer"),
        ("scenarios: {s: {answers: {tools/call: [{reslt: 1}]}}}\n", "is `result` meant?"),
        ("scenarios: {s: {answers: {tools/call: [{exit: 999}]}}}\n", "from 0 to 255, not 999"),
        ("scenarios: {s: {answers: {tools/call: [{good: yes}]}}}\n", "expected true or false"),
        ("scenarios: {s: {answers: {tools/call: [{result: 1, text: x}]}}}\n", "an answer has one body"),
        ("scenarios: {s: {transports: [tcp]}}\n", "expected one of stdio, http"),
        ("scenarios: {s: {calls: 0}}\n", "from 1 to 100, not 0"),
        ("scenarios: {s: {outcome: {output: 1, error: {}}}}\n", "a call that fails has no `output`"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_mcp_scenarios(write(tmp_path, text))
    assert words in str(caught.value)


def test_the_names_of_the_scenarios_that_are_shipped_are_their_own() -> None:
    names = [each.name for each in read_mcp_scenarios()]
    assert len(names) == len(set(names)) > 50


def stdio(file: Path, name: str, *messages: dict[str, Any], log: Path | None = None) -> tuple[int, str, str]:
    entry = odd_mcp_command(file, name, log=log)
    sent = "".join(json.dumps(message) + "\n" for message in messages)
    done = subprocess.run(
        [entry["command"], *entry["args"]], input=sent, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}


def test_over_stdio_answers_come_in_order_with_the_requests_id(tmp_path: Path) -> None:
    text = """\
scenarios:
  s:
    greeting: "hello\\n"
    stderr: "a warning\\n"
    answers:
      tools/call: [{error: {code: -32000, message: no}}, {text: "<@ID>\\n"}, {good: true}, {silence: true}, {exit: 3}]
"""
    log = tmp_path / "log"
    messages = [{"jsonrpc": "2.0", "method": "notifications/x"}, *({**CALL, "id": n} for n in range(6))]
    code, out, err = stdio(write(tmp_path, text), "s", *messages, log=log)
    first, error, raw, good = out.splitlines()
    assert (code, first, err, raw) == (3, "hello", "a warning\n", "<1>")
    assert json.loads(error) == {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "no"}}
    assert json.loads(good)["result"] == {"content": [{"type": "text", "text": "good"}]}
    started, *logged = [json.loads(line) for line in log.read_text().splitlines()]
    assert started["started"] > 0
    assert logged == messages[:-1]


def test_over_stdio_a_wrong_file_or_name_is_said(tmp_path: Path) -> None:
    code, _, err = stdio(write(tmp_path, "scenarios: {s: {calls: 0}}\n"), "s")
    assert (code, "mcp.yaml:1:24" in err) == (2, True), err
    code, _, err = stdio(write(tmp_path, "scenarios: {s: {}}\n"), "other")
    assert (code, "has no scenario 'other': it has s" in err) == (2, True), err


def ask(server: OddMcpServer, method: str = "tools/call", session: str = "") -> tuple[int, str, str]:
    headers = {"mcp-session-id": session} if session else {}
    request = Request(f"{server.url}/mcp", json.dumps({**CALL, "method": method}).encode(), headers)
    with urlopen(request) as response:
        return response.status, response.headers.get("mcp-session-id", ""), response.read().decode()


def test_over_http_sessions_are_counted_and_what_is_not_in_the_file_is_proper(tmp_path: Path) -> None:
    answers = "{tools/call: [{status: 404, session: s1}], tools/list: [{stream: true, result: {tools: []}}]}"
    with OddMcpServer(scenario(tmp_path, answers)) as server:
        assert [ask(server, "initialize")[1] for _ in range(2)] == ["s1", "s2"]
        with pytest.raises(HTTPError) as refused:
            ask(server, session="s1")
        refused.value.close()
        assert '"good"' in ask(server, session="s2")[2]
        assert ask(server, "tools/list")[2] == 'data: {"jsonrpc":"2.0","id":7,"result":{"tools":[]}}\n\n'
        assert "Method not found" in ask(server, "no/such")[2]
        assert (server.sessions, server.calls(), server.calls("initialize")) == (2, 2, 2)


def test_over_http_the_end_of_the_process_is_the_end_of_the_connection(tmp_path: Path) -> None:
    with OddMcpServer(scenario(tmp_path, "{tools/call: [{exit: 3}, {good: true}]}")) as server:
        with pytest.raises((URLError, ConnectionError)):
            ask(server)
        assert ask(server)[0] == 200
