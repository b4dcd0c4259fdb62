from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.model.json import Json
from nika_core.model.masking import Masker, secret_values

SECRET = "s3cret-value"


def test_variables_named_like_secrets_are_masked_from_six_characters_on() -> None:
    environ = {"A_KEY": "123456", "B_TOKEN": "12345", "C_SECRET": "abcdef", "D_PASSWORD": "ghijkl", "KEYS": "notsecret"}
    assert secret_values(environ) == {"123456", "abcdef", "ghijkl"}


def test_declared_variables_are_masked() -> None:
    assert secret_values({"ACME": "hidden-1", "OTHER": "shown-one"}, ["ACME", "ABSENT"]) == {"hidden-1"}


def test_a_secret_is_masked_wherever_it_stands() -> None:
    assert Masker([SECRET]).text(f"a {SECRET}{SECRET} b") == "a ****** b"


def test_a_secret_that_contains_another_is_masked_whole() -> None:
    assert Masker(["abcdef", "abcdefghi"]).text("abcdefghi") == "***"


def test_escaped_forms_are_masked() -> None:
    secret = 'pa"ss\nwörd&x'
    masked = Masker([secret]).text(json.dumps({"k": secret}) + " pa%22ss%0Aw%C3%B6rd%26x")
    assert masked == '{"k": "***"} ***'


def test_keys_and_values_of_json_are_masked() -> None:
    assert Masker([SECRET]).json({SECRET: [SECRET, 1, None]}) == {"***": ["***", 1, None]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"pin": 123456789}, {"pin": "***"}),
        ([-123456789, 123456789.0, 91234567890], ["-***", "***.0", "9***0"]),
        ([12345678, 7123456.5, True, None, 1e300], [12345678, 7123456.5, True, None, 1e300]),
    ],
)
def test_a_number_that_holds_a_secret_becomes_a_masked_text(value: Json, shown: Json) -> None:
    assert Masker(["123456789"]).json(value) == shown


def test_a_number_has_no_leading_zeros_and_its_secret_may() -> None:
    masker = Masker(["007654321", "0000001"])
    assert masker.json([7654321, 1]) == ["***", 1]
    assert masker.text("007654321 0000001") == "*** ***"


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\n  MIIEvQIBADAN\n\nab\n-----END KEY-----\n"
    shown = Masker([key]).text("1: -----BEGIN KEY-----\n2:   MIIEvQIBADAN\n3: ab\n4: -----END KEY-----\n")
    assert shown == "1: ***\n2:   ***\n3: ab\n4: ***\n"
    assert Masker(['first "line"\nsecond']).text(json.dumps('a first "line"')) == '"a ***"'


@given(st.lists(st.integers(0, 30)), st.text(alphabet="ab3cret-s", max_size=20))
def test_a_secret_cut_into_pieces_is_masked(cuts: list[int], noise: str) -> None:
    text = f"{noise}{SECRET}{noise}"
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    stream = Masker([SECRET]).stream()
    shown = "".join(stream.feed(text[a:b]) for a, b in pairwise(places)) + stream.flush()
    assert SECRET not in shown
    assert shown == Masker([SECRET]).text(text)


@given(st.lists(st.integers(0, 40)), st.text(alphabet="abcd", max_size=40))
def test_a_stream_shows_what_the_whole_would_show_however_secrets_overlap(cuts: list[int], text: str) -> None:
    masker = Masker(["abcabc", "abcabcdd", "cabcabb", "bbbbbb"])
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    stream = masker.stream()
    assert "".join(stream.feed(text[a:b]) for a, b in pairwise(places)) + stream.flush() == masker.text(text)


def test_a_stream_holds_back_only_what_may_begin_a_secret() -> None:
    stream = Masker(["x" * 400, SECRET]).stream()
    assert stream.feed("Hello, s") == "Hello, "
    assert stream.feed("ea") == "sea"
    assert stream.feed(f" and {SECRET[:4]}") == " and "
    assert stream.feed(SECRET[4:]) == "***"
