"""Arguments against a tool's schema."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_mcp.arguments import coerced, wrong


def schema_of(kind: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": kind if isinstance(kind, dict) else {"type": kind}}}


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ("integer", "3", 3),
        ("integer", " -3 ", -3),
        ("integer", "3.0", "3.0"),
        ("integer", "3e400", "3e400"),
        ("integer", 3, 3),
        ("number", "3", 3),
        ("number", "2.5e1", 25.0),
        ("number", "nan", "nan"),
        ("number", "1e999", "1e999"),
        ("boolean", "true", True),
        ("boolean", "yes", "yes"),
        ("null", "", None),
        ("string", "3", "3"),
        ("string", 3, "3"),
        ("string", True, "true"),
        ("string", None, None),
        (["integer", "string"], "3", "3"),
        (["integer", "null"], "3", 3),
        (["integer", "null"], "null", None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "3", 3),
        ("array", '["a", 1]', ["a", 1]),
        ("array", "[no json", "[no json"),
        ("array", "a", "a"),
        ("object", '{"a": 1}', {"a": 1}),
        ({"type": "array", "items": {"type": "integer"}}, ["1", 2, "x"], [1, 2, "x"]),
        ({"type": "array", "items": {"type": "integer"}}, '["1"]', [1]),
        ({"type": "object", "properties": {"y": {"type": "number"}}}, {"y": "1", "z": "1"}, {"y": 1, "z": "1"}),
        ({"type": "object", "additionalProperties": {"type": "number"}, "properties": {}}, {"z": "1"}, {"z": 1}),
        ({}, "3", "3"),
        ({"enum": ["1", "2"]}, "1", "1"),
        (True, "3", "3"),
    ],
)
def test_a_text_becomes_what_is_asked_for_and_nothing_else(kind: Any, value: Any, becomes: Any) -> None:
    found = coerced({"x": value}, schema_of(kind if not isinstance(kind, bool) else {}))
    assert found == {"x": becomes}
    assert type(found["x"]) is type(becomes)


def test_local_references_are_followed_and_loops_end() -> None:
    schema = {"properties": {"x": {"$ref": "#/$defs/P"}}, "$defs": {"P": {"properties": {"n": {"type": "integer"}}}}}
    assert coerced({"x": {"n": "1"}}, schema) == {"x": {"n": 1}}
    loop = {"properties": {"x": {"$ref": "#/$defs/L"}}, "$defs": {"L": {"$ref": "#/$defs/L"}}}
    assert coerced({"x": "1"}, loop) == {"x": "1"}
    deep: Any = "1"
    for _ in range(500):
        deep = {"x": deep}
    node = {"properties": {"x": {"$ref": "#"}}}
    assert coerced(deep, node) == deep


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_without_a_schema_nothing_changes(value: dict[str, Any]) -> None:
    assert coerced(value, {}) == value
    assert wrong(value, {}) == []


def test_what_is_wrong_is_said_by_path_at_most_three_things() -> None:
    schema = {"type": "object", "properties": {n: {"type": "integer"} for n in "abcd"}, "additionalProperties": False}
    found = wrong(dict.fromkeys("abcd", "x"), schema)
    assert len(found) == 3
    assert found[0] == "args.a: 'x' is not of type 'integer'"
    assert "(it has: a, b, c, d)" in wrong({"e": 1}, schema)[0]


def test_a_schema_that_cannot_be_used_checks_nothing_and_fetches_nothing() -> None:
    assert wrong({"x": 1}, {"type": "nonsense"}) == []
    assert wrong({"x": 1}, {"properties": {"x": {"$ref": "http://127.0.0.1:1/schema.json"}}}) == []
    assert wrong({"x": "a"}, {"properties": {"x": {"pattern": "("}}}) == []


def test_whether_a_schema_is_one_is_checked_once_however_many_calls_there_are(monkeypatch):
    checked = []
    check = jsonschema.Draft202012Validator.check_schema
    monkeypatch.setattr(jsonschema.Draft202012Validator, "check_schema", lambda schema: checked.append(check(schema)))
    schema = {"type": "object", "properties": {"only in this test": {"type": "integer"}}}
    assert [len(wrong({"only in this test": value}, schema)) for value in (1, "x", 2, "y")] == [0, 1, 0, 1]
    assert len(checked) == 1


def test_a_server_s_pattern_that_would_take_hours_is_looked_for_at_once() -> None:
    schema = {"properties": {"x": {"pattern": "(a+)+$"}}}
    [found] = wrong({"x": "a" * 60 + "!"}, schema)
    assert found.startswith("args.x: ")
