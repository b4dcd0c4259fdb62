"""Values read by path."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.bounded import bound
from nika_core.model.path import nesting, read_path

VALUE = {"items": [{"name": "a"}, {"name": "b"}], "0": "zero", "n": 3, "none": None, "text": '{"x": 1}'}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), VALUE),
        (("items", "1", "name"), "b"),
        (("0",), "zero"),
        (("none",), None),
        (("items",), VALUE["items"]),
    ],
)
def test_keys_and_indexes_lead_into_a_value(path: tuple[str, ...], found: object):
    assert read_path(VALUE, path) == found


def test_text_that_is_json_is_read_whatever_made_it():
    assert read_path('{"a": [1, {"b": 2}]}', ("a", "1", "b")) == 2
    assert read_path("\n [10, 20]\n", ("1",)) == 20
    assert read_path('{"a": 1}', ()) == '{"a": 1}'


@pytest.mark.parametrize(
    ("value", "path", "message", "hint"),
    [
        (bound(f'{{"a": "{"x" * 99}"}}', 80).text, ("a",), "was cut at its limit", "nika limits"),
        (VALUE, ("itms",), "the value has no field 'itms'", "did you mean 'items'?"),
        (VALUE, ("xyz",), "has no field 'xyz'", "it has: items, 0, n, none, text"),
        (VALUE, ("items", "2"), "has 2 items, none at index 2", None),
        (VALUE, ("items", "-1"), "'-1' is not an index", ".0"),
        (VALUE, ("items", "01"), "'01' is not an index", ".0"),
        (VALUE, ("items", "name"), "'items' of the value is a list, and 'name' is not an index", ".0"),
        (VALUE, ("n", "x"), "'n' of the value is a number, which has no 'x'", None),
        (VALUE, ("none", "x"), "is null, which has no 'x'", None),
        (VALUE, ("text", "x"), "is text, which has no 'x'", "only a whole output"),
        ("plain", ("x",), "is text, not a JSON object or list", "JSON"),
        ("3", ("x",), "is text, not a JSON object or list", "JSON"),
        ("{'a': 1}", ("a",), "begins like JSON but is not JSON", None),
        ("", ("x",), "is text", None),
        (3, ("x",), "the value is a number, which has no 'x'", None),
        (True, ("x",), "is true", None),
    ],
)
def test_an_error_says_what_is_there_instead(value: object, path: tuple[str, ...], message: str, hint: str | None):
    with pytest.raises(TemplateValueError) as caught:
        read_path(value, path)
    assert message in caught.value.message
    assert caught.value.code == codes.MISSING_VALUE
    if hint:
        assert hint in (caught.value.hint or "")


def test_an_error_names_whose_value_it_is():
    with pytest.raises(TemplateValueError, match="'a' of the output of 'fetch' has no field 'b'"):
        read_path({"a": {}}, ("a", "b"), subject="the output of 'fetch'")


@pytest.mark.parametrize("text", ["[" * 60 + "]" * 60, "[" * 100_000, '{"a":' * 60 + "1" + "}" * 60])
def test_json_text_that_is_nested_too_deeply_is_refused(text: str):
    with pytest.raises(TemplateValueError):
        read_path(text, ("0",), max_depth=50)
    if len(text) < 1000:
        with pytest.raises(TemplateValueError, match="nested deeper than 50") as caught:
            read_path(text, ("0",), max_depth=50)
        assert caught.value.code == codes.DEPTH_LIMIT
        assert read_path(text, ("0",) if text[0] == "[" else ("a",), max_depth=60) is not None


def test_brackets_inside_of_texts_are_no_nesting():
    assert read_path('{"a": "' + "[" * 500 + '"}', ("a",), max_depth=2) == "[" * 500


def test_nesting_counts_containers():
    assert nesting("x", 9) == 0
    assert nesting([], 9) == 1
    assert nesting({"a": [1, {"b": []}]}, 9) == 4
    assert nesting([[[[]]]], 2) == 3  # more than asked for: it stops counting
