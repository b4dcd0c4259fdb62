"""An MCP server that plays a scenario, over HTTP in a test (`OddMcpServer`) or over stdio as a process of its own.

python -m nika_core.testing.odd_mcp FILE NAME [--log LOG]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nika_core.model.clock import Clock
from nika_core.testing.fault_server import ReceivedRequest
from nika_core.testing.mcp_scenario import GOOD, McpAnswer, McpScenario, read_mcp_scenarios
from nika_core.testing.raw_server import RawAnswer, RawServer
from nika_core.testing.scenario import ScenarioAnswer, json_bytes
from nika_core.testing.scenario_reader import ScenarioError
from nika_core.testing.scenario_server import raw_answer

_NOT_FOUND: Final = {"code": -32601, "message": "Method not found"}


def odd_mcp_command(file: Path, name: str, *, log: Path | None = None) -> Mapping[str, Any]:
    """Return the entry of `mcpServers` that starts a server over stdio which plays a scenario.

    Args:
        file: a file that `read_mcp_scenarios` reads.
        name: the scenario in it.
        log: where the server writes down what it is sent, one line of JSON each; `{"started": PID}` for each start.
    """
    more = [] if log is None else ["--log", str(log)]
    return {"command": sys.executable, "args": ["-m", __name__, str(file), name, *more]}


class _Player:
    """Chooses the answers of a scenario, one after the other."""

    def __init__(self, scenario: McpScenario) -> None:
        self.scenario = scenario
        self._taken: dict[str, int] = {}

    def answer(self, method: str, session: str = "") -> McpAnswer:
        """Return the answer to a method; one without parts is the proper one."""
        answers = self.scenario.answers.get(method, ())
        number = self._taken.get(method, 0)
        answer = answers[min(number, len(answers) - 1)] if answers else McpAnswer()
        if answer.session not in (None, session):
            return McpAnswer()
        self._taken[method] = number + 1
        return answer


def good_message(method: str, id_: object) -> Mapping[str, Any]:
    """Return the proper answer to a request."""
    if method in GOOD:
        return {"jsonrpc": "2.0", "id": id_, "result": GOOD[method]}
    return {"jsonrpc": "2.0", "id": id_, "error": _NOT_FOUND}


class OddMcpServer(RawServer):
    """An MCP server over streamable HTTP that plays a scenario. Used with `with`, or with `async with`.

    Attributes:
        sessions: how many sessions were opened properly; they are `s1`, `s2` and so on.
        requests, url: see `RawServer`.
    """

    def __init__(self, scenario: McpScenario | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self._player = _Player(scenario or McpScenario("good"))
        self.sessions = 0

    def calls(self, method: str = "tools/call") -> int:
        """Return how often a method was asked for."""
        return sum(request.body.get("method") == method for request in self.requests)

    def answer_to(self, request: ReceivedRequest) -> RawAnswer:
        """Return the scenario's answer, or the proper one."""
        method = str(request.body.get("method") or request.method)
        answer = self._player.answer(method, request.headers.get("mcp-session-id", ""))
        if answer.parts is None:
            return raw_answer(self._good(method, request.body.get("id")))
        then = "drop" if answer.exit is not None else "hang" if answer.silence else answer.http.then
        return raw_answer(replace(answer.http, parts=answer.parts_for(request.body.get("id")), then=then))

    def _good(self, method: str, id_: object) -> ScenarioAnswer:
        if id_ is None:
            return ScenarioAnswer(202)
        headers = {"content-type": "application/json"}
        if method == "initialize":
            self.sessions += 1
            headers["mcp-session-id"] = f"s{self.sessions}"
        return ScenarioAnswer(200, headers, [json_bytes(good_message(method, id_))])


def serve_stdio(scenario: McpScenario, write: Callable[[bytes], object], log: Callable[[object], object]) -> None:
    """Answer what comes on stdin until it ends."""
    player = _Player(scenario)
    log({"started": os.getpid()})
    sys.stderr.write(scenario.stderr)
    sys.stderr.flush()
    write(scenario.greeting.encode("utf-8", "surrogateescape"))
    for line in sys.stdin:
        asked = json.loads(line)
        log(asked)
        method = asked.get("method")
        if "id" not in asked or not method:
            continue
        answer = player.answer(method)
        if answer.parts is None:
            write(json_bytes(good_message(method, asked["id"])) + b"\n")
        for part in [] if answer.silence else answer.parts_for(asked["id"]):
            if isinstance(part, bytes):  # a process has no clock of the test: it does not wait
                write(part)
        if answer.exit is not None:
            sys.exit(answer.exit)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve over stdio; exit with 2 if the file is wrong."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name if __spec__ else __name__}", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("name")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(arguments)
    try:
        scenarios = {scenario.name: scenario for scenario in read_mcp_scenarios(options.file)}
    except ScenarioError as error:
        parser.exit(2, f"{error}\n")
    if options.name not in scenarios:
        parser.exit(2, f"{options.file} has no scenario {options.name!r}: it has {', '.join(scenarios)}\n")

    def log(value: object) -> None:
        if options.log is not None:
            with options.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(value) + "\n")

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    serve_stdio(scenarios[options.name], write, log)


if __name__ == "__main__":
    main()
