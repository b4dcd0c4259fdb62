"""`nika mcp` over stdio with clients that break the protocol, or that keep their end open."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from nika_command_mcp.stdio import ClientLines, ServerLines

import nika_core as nika
from nika_core.plugin import Styled

NIKA = str(Path(sys.executable).with_name("nika"))
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "t", "version": "1"},
}


class Written:
    """A terminal whose data is kept."""

    mask = staticmethod(str)

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def print_data(self, *parts: str | Styled, verbatim: bool = False) -> None:
        self.lines.append(json.loads(str(parts[0])))


async def taken(*lines: str) -> tuple[list[str], list[Any]]:
    """Return which lines the server takes, and what is answered to the others."""
    terminal: Any = Written()
    client = ClientLines(io.BytesIO("".join(f"{line}\n" for line in lines).encode()), ServerLines(terminal))
    return [line.strip() async for line in client], terminal.lines


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        ("garbage", None, -32700),
        ("[" * 100_000, None, -32700),
        ("5", None, -32600),
        ('[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', None, -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', 1, -32600),
        ('{"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": []}', "a", -32600),
        (r'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "\ud800"}}', 7, -32600),
    ],
)
async def test_a_line_that_is_no_message_is_answered_with_an_error(
    line: str, number: str | int | None, code: int
) -> None:
    good = '{"jsonrpc": "2.0", "id": 9, "method": "ping"}'
    passed, answers = await taken(line, good)
    assert passed == [good]
    assert [(each["id"], each["error"]["code"]) for each in answers] == [(number, code)]


async def test_a_response_that_cannot_be_read_is_an_error_to_what_waits_for_it_and_a_notification_has_no_answer() -> (
    None
):
    passed, answers = await taken('{"jsonrpc": "2.0", "id": 3, "result": "yes"}', '{"method": "no/version"}', "")
    assert [json.loads(each)["error"]["message"] for each in passed] == ["the response cannot be read"]
    assert answers == []


@contextmanager
def served(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [NIKA, "mcp", "--wait", "0.5"]
    server = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield server
    finally:
        server.kill()
        server.communicate()


def test_a_signal_ends_the_server_though_its_client_keeps_the_pipe_open_and_a_bad_answer_leaves_the_question_open(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "go")
    (tmp_path / "held.nika.yaml").write_text("inputs: {}\ntasks: [{id: a, shell: cat go}]\n")
    (tmp_path / "asks.nika.yaml").write_text('inputs: {}\ntasks: [{id: q, ask: "Go on?"}]\n')
    with served(tmp_path) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def exchange(**message: Any) -> Any:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")  # type: ignore[union-attr]  # a pipe
            server.stdin.flush()  # type: ignore[union-attr]  # a pipe
            return json.loads(server.stdout.readline())  # type: ignore[union-attr]  # a pipe

        exchange(id=0, method="initialize", params=HELLO)
        asked = exchange(id=1, method="tools/call", params={"name": "asks", "arguments": {}})
        left = exchange(id=asked["id"], result={"action": "perhaps"})
        assert left["result"]["structuredContent"]["status"] == "paused"
        held = exchange(id=2, method="tools/call", params={"name": "held", "arguments": {}})
        run = held["result"]["structuredContent"]
        assert run["status"] == "running"
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert nika.runs.get(run["runId"], folder=tmp_path).status == "cancelled"
