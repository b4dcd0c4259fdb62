"""The events of a server's answer, whatever format it has and however it is cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from nika_core.toolbox.providers import UnreadableReplyError, json_lines
from nika_core.toolbox.providers.events import EventDecoder, TextJoiner


def decoded(*pieces: bytes) -> list[Any]:
    decoder = EventDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found if decoder.ended else [*found, *decoder.finish()]


def bytewise(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


TWO = [{"a": 1}, {"b": "é\u2028\u0085x"}]
FIRST, SECOND = (json.dumps(event, ensure_ascii=False).encode() for event in TWO)


@pytest.mark.parametrize(
    "data",
    [
        b"data: %b\n\ndata: %b\n\ndata: [DONE]\n\n",
        b"data:%b\n\ndata:%b\n\n",
        b"data: %b\r\n\r\ndata: %b\r\n\r\n",
        b"data: %b\r\rdata: %b\r\r",
        b"\xef\xbb\xbfdata: %b\n\ndata: %b",
        b": hello\n\nevent: x\nid: 7\nretry: 10\ndata: %b\n\n: ping\nevent: x\ndata: %b\n\n",
        b"data: %b\ndata: %b\n",
        b"event: ping\ndata: hello\n\ndata: %b\n\ndata: null\n\ndata:\n\ndata: %b\n\n",
        b"%b\n%b\n",
        b"%b\r\n%b",
        b"\n\n%b\n\n%b\n\n",
        b"[%b,\n%b]\n",
    ],
)
def test_events_are_the_same_in_every_format_and_in_any_pieces(data: bytes) -> None:
    whole = data % (FIRST, SECOND)
    assert decoded(whole) == TWO
    assert decoded(*bytewise(whole)) == TWO


def test_one_whole_answer_is_one_event_also_over_several_lines() -> None:
    value = {"choices": [{"message": {"content": "x"}}], "usage": {}}
    for indent in (None, 2):
        assert decoded(json.dumps(value, indent=indent).encode()) == [value]


def test_data_over_several_lines_is_one_event() -> None:
    assert decoded(b'data: {"a":\ndata: 1}\n\n') == [{"a": 1}]


def test_nothing_after_the_end_is_read() -> None:
    assert decoded(b'data: {"a": 1}\n\ndata: [DONE]\n\nthat was it') == [{"a": 1}]


def test_an_error_event_without_json_is_an_error() -> None:
    assert decoded(b"event: error\ndata: overloaded\n\n") == [{"error": "overloaded"}]
    assert decoded(b"event: error\ndata: overloaded") == [{"error": "overloaded"}]


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b"<html>", True),
        (b"404 page not found", True),
        (b"not a stream\n", True),
        (b'data: {"a": 1}\n\ndata: {broken\n\n', False),
        (b'data: {"a": 1}\n\nhello\n', False),
        (b'{"a": 1}\n{broken\n', False),
        (b'{"a": 1}\nbroken\n', False),
    ],
)
def test_what_cannot_be_read_fails_as_soon_as_it_comes(data: bytes, first: bool) -> None:
    decoder = EventDecoder()
    with pytest.raises(UnreadableReplyError) as caught:
        list(decoder.feed(data))
    assert caught.value.first is first


@pytest.mark.parametrize("data", [b'{"a": ', b"internal error", b"[1, 2]", b'"text"'])
def test_a_whole_answer_that_is_no_object_cannot_be_read(data: bytes) -> None:
    with pytest.raises(UnreadableReplyError):
        decoded(data)


def test_an_event_that_was_cut_off_is_no_event() -> None:
    assert decoded(b'data: {"a": 1}\n\ndata: {"b') == [{"a": 1}]
    assert decoded(b'{"a": 1}\n{"b') == [{"a": 1}]


def test_a_stream_of_nothing_has_no_events() -> None:
    assert decoded(b"") == decoded(b"\n\n") == decoded(b"data: [DONE]\n\n") == []


@pytest.mark.parametrize("text", ["a😋b", "😋", "é", "\U0001f080", "plain", "日本語"])
def test_halves_of_characters_are_joined(text: str) -> None:
    units = text.encode("utf-16-le")
    halves = [units[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(units), 2)]
    escaped = [byte.decode("utf-8", "surrogateescape") for byte in bytewise(text.encode())]
    for pieces in (halves, escaped, [text]):
        joiner = TextJoiner()
        assert "".join([*(joiner.add(piece) for piece in pieces), joiner.finish()]) == text


@pytest.mark.parametrize("piece", ["a\ud83d", "\udcff"])
def test_a_half_without_its_other_half_is_replaced(piece: str) -> None:
    joiner = TextJoiner()
    joined = joiner.add(piece) + joiner.add("x") + joiner.finish()
    assert "\ufffd" in joined
    assert joined.endswith("x")
    joined.encode()


def test_one_line_of_a_file_that_is_no_json_leaves_the_others() -> None:
    lines = [value for value, _ in json_lines(b'\xef\xbb\xbf{"a": 1}\r\n\n{"b\n' + SECOND + b"\n")]
    assert lines == [{"a": 1}, None, TWO[1]]
