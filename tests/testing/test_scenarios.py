"""Scenario files are read strictly, and played as they say."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core.testing import ManualClock, NotConformant, Scenario, ScenarioError, ScenarioServer, read_scenarios


def scenarios(folder: Path, text: str) -> list[Scenario]:
    path = folder / ("s.json" if text.startswith("{") else "s.yaml")
    path.write_text(text, encoding="utf-8")
    return list(read_scenarios(path))


def one(folder: Path, *answers: Any, target: str = "POST /chat") -> Scenario:
    return scenarios(folder, json.dumps({"scenarios": {"s": {"answers": {target: answers}}}}))[0]


async def exchange(server: ScenarioServer, request: bytes = b"POST /chat HTTP/1.1\r\n\r\n") -> bytes:
    """Everything that comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(request)
    writer.write_eof()
    data = await reader.read()
    writer.close()
    return data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scenarios: {}\n", ["there is no scenario"]),
        ("scenario: {a: {}}\n", ["s.yaml:1:1: scenario: unknown key `scenario`: is `scenarios` meant?", "is missing"]),
        ("[]", ["expected a mapping"]),
        ("scenarios: {a: 7}\n", ["s.yaml:1:16: scenarios.a: expected a mapping, not 7"]),
        ("scenarios: {a: {answers: {}, answer: 1}}\n", ["unknown key `answer`: is `answers` meant?"]),
        ("scenarios: {a: {answers: {chat: [{}]}}}\n", ["expected a method and a path"]),
        ("scenarios: {a: {answers: {GET /: []}}}\n", ["expected at least one answer"]),
        ("scenarios: {a: {answers: {GET /: [{status: 99}]}}}\n", ["from 200 to 599, not 99"]),
        ("scenarios: {a: {answers: {GET /: [{text: a, json: b}]}}}\n", ["`json`", "one body"]),
        ("scenarios: {a: {answers: {GET /: [{chunks: [{hex: xy}]}]}}}\n", ["s.yaml:1:51", "hexadecimal"]),
        ("scenarios: {a: {answers: {GET /: [{chunks: [{hex: a, text: b}]}]}}}\n", ["expected one of text, json, hex"]),
        ("scenarios: {a: {answers: {GET /: [{chunks: text}]}}}\n", ["expected a list, not 'text'"]),
        ("scenarios: {a: {answers: {GET /: [{then: stop}]}}}\n", ["expected one of go on, close, hang, drop"]),
        ("scenarios: {a: {answers: {GET /: [{pieces: 0}]}}}\n", ["a whole number of at least 1, not 0"]),
        ("scenarios: {a: {answers: {GET /: [{headers: {x: [1]}}]}}}\n", ["expected a text, not a list"]),
        ("scenarios: {a: {answers: {GET /: [{}]}, request: {tools: maybe}}}\n", ["expected true or false"]),
        ("scenarios: {a: {answers: {GET /: [{}]}, outcome: {usage: {in: 1}}}}\n", ["expected input, output"]),
        ("scenarios: {a: {answers: {GET /: [{}]}, outcome: {text: 7}}}\n", ["write it in quotes"]),
        ("scenarios: {a: {answers: {GET /: [{}]}, outcome: {text: x, error: {}}}}\n", ["neither `text` nor `calls`"]),
        ("scenarios: &a {}\n", ["s.yaml:1:12", "anchor"]),
        ("a: 1\na: 2\n", ["s.yaml:2:1"]),
        ('{"a": 1, "a": 2}', ["'a' is there twice"]),
        ('{"a": ', ["it is not JSON"]),
    ],
)
def test_everything_that_is_wrong_with_a_file_is_said_with_its_place(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenarios(tmp_path, text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenarios(
            tmp_path, "scenarios:\n  a:\n    answers:\n      GET /:\n        - {status: 1}\n        - {then: x}\n"
        )
    assert [problem.partition("s.yaml")[2].partition(": ")[0] for problem in caught.value.problems] == [
        ":5:20",
        ":6:18",
    ]


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="does not exist"):
        read_scenarios(tmp_path / "none.yaml")
    with pytest.raises(ScenarioError, match="does not exist"):
        read_scenarios("no-such-wire")


KEYS = ["scenarios", "a", "answers", "request", "outcome", "chunks", "hex", "status", "expect", "wait", "usage"]
KEYS += ["error", "calls", "headers", "pieces", "times", "sse"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(answers=JSON, outcome=JSON, request=JSON)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_is_an_error_that_says_what_is_wrong(
    tmp_path: Path, answers: Any, outcome: Any, request: Any
) -> None:
    whole = {"scenarios": {"a": {"answers": {"GET /": [answers]}, "outcome": outcome, "request": request}}}
    try:
        names = [found.name for found in scenarios(tmp_path, json.dumps(whole))]
    except ScenarioError as error:
        names = ["a"] if all("s.json: scenarios.a" in problem for problem in error.problems) else []
    assert names == ["a"]


async def test_chunks_are_sent_as_they_are_cut(tmp_path: Path) -> None:
    chunks = ["gr", {"hex": "c3"}, {"hex": "bc"}, {"text": "ab", "times": 2}, {"json": {"n": 1}}]
    async with ScenarioServer(one(tmp_path, {"chunks": chunks}, {"chunks": ["abc"], "pieces": 2})) as server:
        data = await exchange(server, b"POST /chat HTTP/1.1\r\n\r\n" * 2)
    first, second = (part.partition(b"\r\n\r\n")[2] for part in data.split(b"HTTP/1.1 200 OK\r\n")[1:])
    assert first == b'2\r\ngr\r\n1\r\n\xc3\r\n1\r\n\xbc\r\n4\r\nabab\r\n7\r\n{"n":1}\r\n0\r\n\r\n'
    assert second == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


async def test_events_and_lines_have_the_form_of_their_format(tmp_path: Path) -> None:
    events = {"sse": [{"type": "ping"}, {"n": "ü"}, "[DONE]"]}
    async with ScenarioServer(one(tmp_path, events, {"lines": [{"n": 1}, "x"]})) as server:
        data = await exchange(server, b"POST /chat HTTP/1.1\r\n\r\n" * 2)
    assert b'event: ping\ndata: {"type":"ping"}\n\n' in data
    assert 'data: {"n":"ü"}\n\n'.encode() in data
    assert b"data: [DONE]\n\n" in data
    assert b'{"n":1}\n\r\n2\r\nx\n' in data
    assert b"content-type: text/event-stream" in data


@pytest.mark.parametrize(
    ("then", "ends"), [("close", b"\r\n2\r\nab\r\n"), ("drop", b""), ("go on", b"2\r\nab\r\n0\r\n\r\n")]
)
async def test_a_connection_is_cut_where_the_scenario_says(tmp_path: Path, then: str, ends: bytes) -> None:
    async with ScenarioServer(one(tmp_path, {"chunks": ["ab"], "then": then})) as server:
        data = await exchange(server)
    assert data.endswith(ends)
    assert (data == b"") is (then == "drop")


async def test_a_wait_is_measured_by_the_clock_that_is_given(tmp_path: Path) -> None:
    clock = ManualClock()
    scenario = one(tmp_path, {"chunks": ["a", {"wait": 3600}, "b"], "headers": {"content-length": "2"}})
    async with ScenarioServer(scenario, clock=clock) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(b"POST /chat HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\na")).endswith(b"a")
        while clock._next() is None:  # the server has sent the first part before it sleeps
            await asyncio.sleep(0)
        await clock.advance(3600)
        assert await reader.readexactly(1) == b"b"
        writer.close()
    async with ScenarioServer(scenario) as server:  # without one it does not wait
        assert (await exchange(server)).endswith(b"ab")


def test_each_path_has_its_own_sequence_and_the_last_answer_stays(tmp_path: Path) -> None:
    text = "scenarios: {a: {answers: {GET /a*: [{text: '1'}, {text: '2'}], GET *: [{text: other}]}}}\n"
    (scenario,) = scenarios(tmp_path, text)
    with ScenarioServer(scenario) as server:  # in a thread of its own
        paths = ["/a", "/b", "/a?x=1", "/ab", "/b"]
        told = [urlopen(f"{server.url}{path}").read().decode() for path in paths]
    assert told == ["1", "other", "2", "2", "other"]
    assert [request.path for request in server.requests] == paths


def send(request: Request) -> None:
    """Send a request, and close its connection whatever the answer is."""
    try:
        urlopen(request).close()
    except HTTPError as error:
        error.close()
        raise


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"body": {"n": 1}}, None),
        ({"body": {"list": [None, {"b": 2}]}}, None),
        ({"headers": {"X-Key": "k"}}, None),
        ({"body": {"n": 2}}, "its body.n is 1, not 2"),
        ({"body": {"list": [1]}}, "its body.list is"),
        ({"body": {"m": None}}, "its body has no `m`"),
        ({"headers": {"x-key": "other"}}, "its header `x-key` is 'k', not 'other'"),
        ({"without": ["n"]}, "its body has `n`"),
    ],
)
def test_a_request_that_is_not_as_expected_is_an_error(tmp_path: Path, expect: Any, words: str | None) -> None:
    def ask() -> None:
        with ScenarioServer(one(tmp_path, {"text": "x", "expect": expect})) as server:
            body = json.dumps({"n": 1, "list": [{"a": 1}, {"a": 1, "b": 2}]}).encode()
            send(Request(f"{server.url}/chat", body, {"X-Key": "k"}))

    if words is None:
        ask()
        return
    with pytest.raises(NotConformant) as caught:
        ask()
    assert words in str(caught.value)


def test_a_request_that_nobody_expects_and_one_that_never_comes_are_errors(tmp_path: Path) -> None:
    def ask() -> None:
        with ScenarioServer(one(tmp_path, {"text": "x", "expect": {}})) as server, pytest.raises(HTTPError):
            send(Request(f"{server.url}/other"))

    with pytest.raises(NotConformant, match=r"nobody expects GET /other.*POST /chat: request 1 was never sent"):
        ask()


def test_a_server_in_a_thread_ends_with_its_block(tmp_path: Path) -> None:
    with ScenarioServer(one(tmp_path, {"text": "x"})) as server:
        port = int(server.url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
