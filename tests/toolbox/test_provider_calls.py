"""Tool calls and state, put together from pieces as servers really send them."""

from __future__ import annotations

from typing import Any

import pytest

from nika_core.toolbox.providers import CallAssembler, merged


def made(*pieces: dict[str, Any]) -> list[tuple[str, Any]]:
    assembler = CallAssembler(3)
    for piece in pieces:
        assembler.add(piece)
    return [(call.name, call.arguments) for call in assembler.calls()]


def piece(name: str | None = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


OSLO, ROME = ("weather", {"city": "Oslo"}), ("clock", {"zone": "Rome"})
PARIS = ("weather", {"city": "Paris"})
CITY, ZONE, CITY_2 = '{"city": "Oslo"}', '{"zone": "Rome"}', '{"city": "Paris"}'


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("weather", "", id="a", index=0), piece(None, '{"city": ', index=0), piece(None, '"Oslo"}', index=0)],
        [piece("weather", "", id="a"), piece(None, '{"city": '), piece(None, '"Oslo"}')],
        [piece("weather", '{"city": ', id="a"), piece("", '"Oslo"}', id="")],
        [piece("weather", '{"city": ', id="a", index=0), piece("weather", '"Oslo"}', id="a", index=0)],
        [piece("weather", '{"city": ', id="a"), piece("weather", '"Oslo"}', id="a")],
        [piece("weather", '{"city": ', id="a", index=0), piece(None, '"Oslo"}', id="b", index=0)],
        [piece("weather", '{"city": ', id="a", index=0), piece("weather", '"Oslo"}', id="b", index=0)],
        [piece("weather", '{"city": ', index=0), piece("weather", '"Oslo"}', index=0)],
        [piece("weather", "", index=0), piece("weather", CITY)],
        [piece("wea", "", id="a", index=0), piece("ther", CITY, index=0)],
        [piece("wea", "", id="a", index=0), piece("weather", CITY, index=0)],
        [piece("weather", "{}", id="a", index=0), piece(None, CITY, index=0)],
        [piece("weather", {"city": "Oslo"}, id="a", index=0)],
        [piece("weather", {"city": "Oslo"})],
        [piece("weather", CITY, id="a", index=0), piece("weather", CITY, id="a", index=0)],
        [piece("weather", '"{\\"city\\": \\"Oslo\\"}"', id="a", index=0)],
        [{"id": "a", "name": "weather", "arguments": CITY}],
        [{"id": "a", "name": "weather", "input": {"city": "Oslo"}}],
        [piece("weather", None, id=7, index="0"), piece(None, CITY, index="0")],
        [piece(None, "", id="a", index=0), piece("weather", CITY, index=0)],
    ],
)
def test_the_pieces_of_one_call_are_one_call(pieces: list[dict[str, Any]]) -> None:
    assert made(*pieces) == [OSLO]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("weather", CITY, id="a", index=0), piece("clock", ZONE, id="b", index=0)],
        [piece("weather", CITY, id="a"), piece("clock", ZONE, id="b")],
        [piece("weather", CITY), piece("clock", ZONE)],
        [piece("weather", CITY, index=0), piece("clock", ZONE, index=0)],
        [piece("weather", {"city": "Oslo"}, index=0), piece("clock", {"zone": "Rome"}, index=0)],
        [
            piece("weather", '{"city": ', id="a", index=0),
            piece("clock", '{"zone": ', id="b", index=1),
            piece(None, '"Rome"}', index=1),
            piece(None, '"Oslo"}', index=0),
        ],
        [
            piece("weather", '{"city": ', id="a", index=0),
            piece("clock", '{"zone": ', id="b", index=0),
            piece(None, '"Rome"}', id="b", index=0),
            piece(None, '"Oslo"}', id="a", index=0),
        ],
        [
            piece("weather", '{"city": ', id="a"),
            piece(None, '"Oslo"}'),
            piece("clock", '{"zone": ', id="b"),
            piece(None, '"Rome"}'),
        ],
        [piece("weather", CITY, id="same", index=0), piece("clock", ZONE, id="same", index=1)],
    ],
)
def test_two_calls_are_two_calls(pieces: list[dict[str, Any]]) -> None:
    assert made(*pieces) == [OSLO, ROME]


@pytest.mark.parametrize(
    "more", [({"id": "a"}, {"id": "b"}), ({}, {}), ({"index": 0}, {"index": 0}), ({"id": "a"}, {"id": "a"})]
)
def test_two_whole_calls_of_one_tool_are_two_calls(more: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert made(piece("weather", CITY, **more[0]), piece("weather", CITY_2, **more[1])) == [OSLO, PARIS]


def test_every_call_has_an_id_that_no_other_call_has() -> None:
    assembler = CallAssembler(3)
    for number, call_id in enumerate(("same", "same", None, None)):
        assembler.add(piece("weather", f'{{"n": {number}}}', id=call_id, index=number))
    assert len({call.id for call in assembler.calls()}) == 4
    assert assembler.calls()[2].id == "call_3_2"


@pytest.mark.parametrize("arguments", [None, "", "null", {}, " "])
def test_a_call_without_arguments_has_none(arguments: Any) -> None:
    assert made(piece("weather", arguments, id="a", index=0)) == [("weather", {})]


def test_what_came_with_a_call_is_kept_once() -> None:
    assembler = CallAssembler()
    signed = {"extra_content": {"google": {"thought_signature": "SIG"}}}
    for part in ('{"city": ', '"Oslo"}'):
        assembler.add(piece("weather", part, id="a", index=0, **signed))
    assert assembler.extras() == {"a": signed}


def test_pieces_of_state_are_joined() -> None:
    first = {"reasoning": "a a", "details": [{"index": 0, "type": "t", "text": "x"}], "id": "1"}
    second = {"reasoning": " a", "details": [{"index": 0, "type": "t", "text": "x"}, {"index": 1}], "id": "1"}
    assert merged(first, second) == {
        "reasoning": "a a a",
        "details": [{"index": 0, "type": "t", "text": "xx"}, {"index": 1}],
        "id": "1",
    }
