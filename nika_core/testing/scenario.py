"""Scenario files: what a server answers, what it expects to be asked, and what a client should make of that.

A file is strict YAML or JSON. `read_scenarios` returns what it has, or raises ScenarioError with everything that is
wrong in it. See `ScenarioServer`, which plays it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from nika_core.errors import ProblemsError
from nika_core.model.files import FileError, read_text
from nika_core.testing.scenario_reader import ScenarioError, ScenarioReader
from nika_core.values import dataclass, field

Then: TypeAlias = Literal["go on", "close", "hang", "drop"]

_BUILT_IN: Final = Path(__file__).parent / "scenarios"
_THEN: Final = ("go on", "close", "hang", "drop")
_BODIES: Final = {"sse": "text/event-stream", "lines": "application/x-ndjson", "json": "application/json",
                  "text": "text/plain", "chunks": "application/octet-stream"}  # fmt: skip
_CHUNKS: Final = ("text", "json", "hex", "wait")
ANSWER_KEYS: Final = (*_BODIES, "status", "headers", "pieces", "then", "expect")
_EXPECT: Final = ("headers", "body", "without")
_REQUEST: Final = ("prompt", "tools", "temperature", "schema", "turns", "again")
_OUTCOME: Final = ("text", "stop", "calls", "usage", "error", "notices", "requests")
_ERROR: Final = ("category", "says", "hides", "retriable", "retryAfter")
_USAGE: Final = ("input", "output", "cached", "cacheWrite")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request should look like.

    Attributes:
        headers: values of headers, by their names in lower case.
        body: what its JSON body has, at least: objects may have further members.
        without: members that its body must not have.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ScenarioAnswer:
    """One answer of a server.

    Attributes:
        parts: bytes to send, and seconds to wait between them.
        then: "go on" (the answer is complete), "close" (the connection ends in the middle), "hang" (nothing more
            comes), or "drop" (the connection ends before anything was sent).
        expect: what the request should look like.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: Sequence[bytes | float] = ()
    then: Then = "go on"
    expect: Expected | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens between a client and a server.

    Attributes:
        name: what the file calls it.
        answers: by "METHOD PATH", where `*` stands for any text: what is answered one after the other, the last one
            again and again. The first that fits a request counts.
        request: what a conformance kit asks its client for.
        outcome: what the client should make of the answers.
    """

    name: str
    answers: Mapping[str, Sequence[ScenarioAnswer]]
    request: Mapping[str, Any] = field(default_factory=dict[str, Any])
    outcome: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_scenarios(source: str | Path) -> Sequence[Scenario]:
    """Return the scenarios of a file, in its order.

    Args:
        source: a path, or the name of a file that is shipped: `claude`, `openai`, `openai-responses` or `ollama`.

    Raises:
        ScenarioError: the file cannot be read or is wrong; everything that is wrong in it, with places.
    """
    path = Path(source)
    if not path.suffix and (_BUILT_IN / f"{source}.yaml").is_file():
        path = _BUILT_IN / f"{source}.yaml"
    root, reader = open_scenario_file(path)
    whole = reader.mapping(root, (), ("scenarios",), required=("scenarios",))
    named = reader.mapping(whole.get("scenarios"), ("scenarios",)) if whole else {}
    scenarios = [_scenario(reader, name, value) for name, value in named.items()]
    if not scenarios:
        reader.problem(("scenarios",), "there is no scenario")
    reader.finish()
    return scenarios


def open_scenario_file(path: Path) -> tuple[Any, ScenarioReader]:
    """Return what a file of JSON or strict YAML has, and a reader that checks it. Raise ScenarioError."""
    try:
        text = read_text(path)
    except FileError as error:
        raise ScenarioError([f"{path}: it {error.reason}"]) from error
    if path.suffix == ".json":
        try:
            return json.loads(text, object_pairs_hook=_unique), ScenarioReader(str(path))
        except (ValueError, RecursionError) as error:
            raise ScenarioError([f"{path}: it is not JSON: {error}"]) from error
    # Only here: a server over stdio is a process of its own, and starts in a third of the time without them.
    from nika_core.document.reading.yaml_file import parse_file
    from nika_core.document.validation.json_tree import typed_tree
    from nika_core.model.limits import Limits

    try:
        tree, problems = parse_file(text.removeprefix("\ufeff"), str(path), Limits())
    except ProblemsError as error:
        raise ScenarioError([str(problem) for problem in error.problems]) from error
    if problems.items:
        raise ScenarioError([f"{problem.place}: {problem.message}" for problem in problems.items])
    return typed_tree(tree.root), ScenarioReader(str(path), problems.locator.place_of)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return members


def _scenario(reader: ScenarioReader, name: str, value: Any) -> Scenario:
    path = ("scenarios", name)
    entry = reader.mapping(value, path, ("request", "answers", "outcome"), required=("answers",))
    by_path: dict[str, Sequence[ScenarioAnswer]] = {}
    for target, listed in reader.mapping(entry.get("answers"), (*path, "answers")).items():
        at = (*path, "answers", target)
        method, _, address = str(target).partition(" ")
        if not method.isupper() or not address.startswith(("/", "*")):
            reader.problem(at, "expected a method and a path, such as `POST /v1/chat` or `GET *`", at_key=True)
        answers = reader.sequence(listed, at)
        if not answers:
            reader.problem(at, "expected at least one answer")
        by_path[str(target)] = [read_answer(reader, each, (*at, number)) for number, each in enumerate(answers)]
    return Scenario(
        name,
        by_path,
        _request(reader, entry.get("request"), (*path, "request")),
        _outcome(reader, entry.get("outcome"), (*path, "outcome")),
    )


def read_answer(reader: ScenarioReader, value: Any, path: tuple[str | int, ...]) -> ScenarioAnswer:
    """Return an answer over HTTP; what is wrong with it goes to `reader`."""
    entry = reader.mapping(value, path, ANSWER_KEYS)
    bodies = [name for name in _BODIES if name in entry]
    if len(bodies) > 1:
        reader.problem((*path, bodies[1]), f"`{bodies[0]}` is there already: an answer has one body", at_key=True)
    parts: list[bytes | float] = []
    if bodies:
        parts = _parts(reader, bodies[0], entry[bodies[0]], (*path, bodies[0]))
    size = reader.number(entry.get("pieces"), (*path, "pieces"), least=1, whole=True)
    if size is not None:
        parts = [piece for part in parts for piece in _pieces(part, int(size))]
    headers = {"content-type": _BODIES[bodies[0]]} if bodies else {}
    headers |= reader.texts(entry.get("headers"), (*path, "headers"))
    status = reader.number(entry.get("status"), (*path, "status"), least=200, most=599, whole=True)
    then = reader.one_of(entry.get("then"), (*path, "then"), _THEN)
    expect = None if "expect" not in entry else _expected(reader, entry["expect"], (*path, "expect"))
    return ScenarioAnswer(int(status or 200), headers, parts, cast("Then", then or "go on"), expect)


def _parts(reader: ScenarioReader, form: str, value: Any, path: tuple[str | int, ...]) -> list[bytes | float]:
    if form == "json":
        return [json_bytes(value)]
    if form == "text":
        return [str(value).encode("utf-8", "surrogatepass")]
    entries = reader.sequence(value, path)
    if form == "sse":
        return [_event(each) for each in entries]
    if form == "lines":
        return [(each.encode() if isinstance(each, str) else json_bytes(each)) + b"\n" for each in entries]
    return [part for number, each in enumerate(entries) for part in _chunk(reader, each, (*path, number))]


def json_bytes(value: Any) -> bytes:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _event(value: Any) -> bytes:
    """Return a server-sent event: with its name before it if it has a `type`, as Anthropic's have."""
    if isinstance(value, str):
        return b"data: " + value.encode("utf-8", "surrogatepass") + b"\n\n"
    kind = value.get("type") if isinstance(value, Mapping) else None
    name = f"event: {kind}\n".encode() if isinstance(kind, str) else b""
    return name + b"data: " + json_bytes(value) + b"\n\n"


def _chunk(reader: ScenarioReader, value: Any, path: tuple[str | int, ...]) -> list[bytes | float]:
    if isinstance(value, str):
        return [value.encode("utf-8", "surrogatepass")]
    entry = reader.mapping(value, path, (*_CHUNKS, "times"))
    given = [name for name in _CHUNKS if name in entry]
    if len(given) != 1:
        reader.problem(path, f"expected one of {', '.join(_CHUNKS)}")
        return []
    times = int(reader.number(entry.get("times"), (*path, "times"), least=1, most=1e8, whole=True) or 1)
    (form,) = given
    content = entry[form]
    if form == "wait":
        return [float(reader.number(content, (*path, form), least=0) or 0)] * times
    if form == "hex":
        try:
            return [bytes.fromhex(str(content)) * times]
        except ValueError:
            reader.problem((*path, form), "expected bytes as pairs of hexadecimal digits, such as `f0 9f`")
            return []
    return [(json_bytes(content) if form == "json" else str(content).encode("utf-8", "surrogatepass")) * times]


def _pieces(part: bytes | float, size: int) -> list[bytes | float]:
    if isinstance(part, float):
        return [part]
    return [part[start : start + size] for start in range(0, len(part), size)]


def _expected(reader: ScenarioReader, value: Any, path: tuple[str | int, ...]) -> Expected:
    entry = reader.mapping(value, path, _EXPECT)
    headers = {name.lower(): text for name, text in reader.texts(entry.get("headers"), (*path, "headers")).items()}
    without = [str(each) for each in reader.sequence(entry.get("without"), (*path, "without"))]
    return Expected(headers, entry.get("body"), without)


def _request(reader: ScenarioReader, value: Any, path: tuple[str | int, ...]) -> Mapping[str, Any]:
    entry = reader.mapping(value, path, _REQUEST)
    reader.text(entry.get("prompt"), (*path, "prompt"))
    reader.truth(entry.get("tools"), (*path, "tools"))
    reader.truth(entry.get("schema"), (*path, "schema"))
    reader.truth(entry.get("again"), (*path, "again"))
    reader.number(entry.get("temperature"), (*path, "temperature"), least=0)
    reader.number(entry.get("turns"), (*path, "turns"), least=1, most=10, whole=True)
    return entry


def _outcome(reader: ScenarioReader, value: Any, path: tuple[str | int, ...]) -> Mapping[str, Any]:
    entry = reader.mapping(value, path, _OUTCOME)
    reader.text(entry.get("text"), (*path, "text"))
    reader.text(entry.get("stop"), (*path, "stop"))
    for number, call in enumerate(reader.sequence(entry.get("calls"), (*path, "calls"))):
        reader.mapping(call, (*path, "calls", number), ("id", "name", "arguments"), required=("name", "arguments"))
    usage = reader.mapping(entry.get("usage"), (*path, "usage"), _USAGE)
    for name, tokens in usage.items():
        reader.number(tokens, (*path, "usage", name), least=0, whole=True)
    reader.sequence(entry.get("notices"), (*path, "notices"))
    reader.number(entry.get("requests"), (*path, "requests"), least=0, whole=True)
    error = reader.mapping(entry.get("error"), (*path, "error"), _ERROR)
    reader.truth(error.get("retriable"), (*path, "error", "retriable"))
    reader.number(error.get("retryAfter"), (*path, "error", "retryAfter"), least=0)
    if "error" in entry and ("text" in entry or "calls" in entry):
        reader.problem((*path, "error"), "a reply that fails has neither `text` nor `calls`", at_key=True)
    return entry
