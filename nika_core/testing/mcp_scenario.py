"""Scenario files of MCP servers: what a server answers to each method, and what its user should make of that.

The files have the form of those of other servers (`nika_core.testing.scenario`), with answers by method. See
`OddMcpServer` for a server over HTTP, and `odd_mcp_command` for one over stdio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nika_core.testing.scenario import ANSWER_KEYS, ScenarioAnswer, json_bytes, open_scenario_file, read_answer
from nika_core.testing.scenario_reader import DocumentPath, ScenarioReader
from nika_core.values import dataclass, field

GOOD: Final[Mapping[str, Any]] = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "odd", "version": "1"},
    },
    "tools/list": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]},
    "tools/call": {"content": [{"type": "text", "text": "good"}]},
    "ping": {},
}
TRANSPORTS: Final = ("stdio", "http")

BUILT_IN: Final = Path(__file__).parent / "scenarios" / "mcp.yaml"
_ID: Final = b"@ID"
_SCENARIO: Final = ("transports", "greeting", "stderr", "answers", "calls", "outcome")
_OUTCOME: Final = ("output", "error", "sessions")
_ERROR: Final = ("category", "says")
_FORMS: Final = ("result", "error", "good", "exit", "silence")


@dataclass(frozen=True, slots=True)
class McpAnswer:
    """One answer of an MCP server.

    Attributes:
        parts: what is sent, with `@ID` for the request's id; None: the proper answer.
        session: the only session in which it is given (`s1` is the first); others are given the proper answer.
        exit: over stdio, the code with which the process ends afterwards; over HTTP the connection ends.
        silence: whether nothing is answered.
        http: status, headers and the rest of the answer over HTTP.
    """

    parts: Sequence[bytes | float] | None = None
    session: str | None = None
    exit: int | None = None
    silence: bool = False
    http: ScenarioAnswer = field(default_factory=ScenarioAnswer)

    def parts_for(self, id_: object) -> list[bytes | float]:
        """Return the parts with a request's id."""
        text = json_bytes(id_)
        return [part.replace(_ID, text) if isinstance(part, bytes) else part for part in self.parts or ()]


@dataclass(frozen=True, slots=True)
class McpScenario:
    """What happens between an MCP server and its user.

    Attributes:
        name: what the file calls it.
        answers: by method, or by `GET` and `DELETE` over HTTP: what is answered one after the other, the last one again
            and again. A method that is not there is answered properly: the server has one tool, `t`, which says `good`.
        transports: "stdio", "http" or both.
        greeting: what is written to stdout before anything is asked.
        stderr: what is written to stderr at the start.
        calls: how often the tool is called, one call after the other.
        outcome: what the last call gives: `output` or `error`; and `sessions`, how many there were over HTTP.
    """

    name: str
    answers: Mapping[str, Sequence[McpAnswer]] = field(default_factory=dict[str, Sequence[McpAnswer]])
    transports: Sequence[str] = TRANSPORTS
    greeting: str = ""
    stderr: str = ""
    calls: int = 1
    outcome: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_mcp_scenarios(source: str | Path | None = None) -> Sequence[McpScenario]:
    """Return the scenarios of a file, in its order; those that are shipped without one.

    Raises:
        ScenarioError: the file cannot be read or is wrong; everything that is wrong in it, with places.
    """
    root, reader = open_scenario_file(BUILT_IN if source is None else Path(source))
    whole = reader.mapping(root, (), ("scenarios",), required=("scenarios",))
    named = reader.mapping(whole.get("scenarios"), ("scenarios",))
    scenarios = [_scenario(reader, name, value) for name, value in named.items()]
    if not scenarios:
        reader.problem(("scenarios",), "there is no scenario")
    reader.finish()
    return scenarios


def _scenario(reader: ScenarioReader, name: str, value: Any) -> McpScenario:
    path: DocumentPath = ("scenarios", name)
    entry = reader.mapping(value, path, _SCENARIO)
    answers: dict[str, Sequence[McpAnswer]] = {}
    for method, listed in reader.mapping(entry.get("answers"), (*path, "answers")).items():
        at = (*path, "answers", method)
        found = reader.sequence(listed, at)
        if not found:
            reader.problem(at, "expected at least one answer")
        answers[method] = [_answer(reader, each, (*at, number)) for number, each in enumerate(found)]
    transports = reader.sequence(entry.get("transports"), (*path, "transports")) or TRANSPORTS
    for number, each in enumerate(transports):
        reader.one_of(each, (*path, "transports", number), TRANSPORTS)
    reader.text(entry.get("greeting"), (*path, "greeting"))
    reader.text(entry.get("stderr"), (*path, "stderr"))
    calls = reader.number(entry.get("calls"), (*path, "calls"), least=1, most=100, whole=True)
    outcome = reader.mapping(entry.get("outcome"), (*path, "outcome"), _OUTCOME)
    reader.mapping(outcome.get("error"), (*path, "outcome", "error"), _ERROR)
    if "error" in outcome and "output" in outcome:
        reader.problem((*path, "outcome", "error"), "a call that fails has no `output`", at_key=True)
    return McpScenario(
        name,
        answers,
        tuple(str(each) for each in transports),
        str(entry.get("greeting") or ""),
        str(entry.get("stderr") or ""),
        int(calls or 1),
        outcome,
    )


def _answer(reader: ScenarioReader, value: Any, path: DocumentPath) -> McpAnswer:
    entry = reader.mapping(value, path, (*_FORMS, "session", "stream", *ANSWER_KEYS))
    reader.truth(entry.get("good"), (*path, "good"))
    reader.truth(entry.get("silence"), (*path, "silence"))
    reader.truth(entry.get("stream"), (*path, "stream"))
    reader.text(entry.get("session"), (*path, "session"))
    code = reader.number(entry.get("exit"), (*path, "exit"), least=0, most=255, whole=True)
    plain = {key: entry[key] for key in ANSWER_KEYS if key in entry}
    message = {key: entry[key] for key in ("result", "error") if key in entry}
    if message:
        whole = json_bytes({"jsonrpc": "2.0", "id": "@ID", **message}).replace(b'"@ID"', _ID, 1).decode()
        plain["chunks"] = [f"data: {whole}\n\n" if entry.get("stream") else f"{whole}\n"]
        kind = "text/event-stream" if entry.get("stream") else "application/json"
        plain["headers"] = {"content-type": kind, **reader.texts(entry.get("headers"), (*path, "headers"))}
    http = read_answer(reader, plain, path)
    return McpAnswer(
        parts=http.parts if plain or entry.get("silence") or code is not None else None,
        session=entry.get("session"),
        exit=None if code is None else int(code),
        silence=entry.get("silence") is True,
        http=http,
    )
