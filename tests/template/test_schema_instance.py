"""A mocked output fits the schema that the task asks for, whatever the schema says."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.errors import TaskError
from nika_core.template.pattern_text import texts_matching
from nika_core.template.schema_instance import minimal_instance

names = st.sampled_from(["a", "b", "c", "name", "items"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["x", "yes", ""]))


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    """Numbers, with bounds between which there is one."""
    kind = draw(st.sampled_from(["integer", "number"]))
    schema: dict[str, Any] = {"type": kind}
    low, width = draw(st.integers(-50, 50)), draw(st.integers(2, 60))
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["minimum", "exclusiveMinimum"]))] = low
    if draw(st.booleans()):
        schema[draw(st.sampled_from(["maximum", "exclusiveMaximum"]))] = low + width
    if width > 20 and draw(st.booleans()):
        schema["multipleOf"] = draw(st.integers(1, 9))
    return schema


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    """Texts, with bounds or a pattern."""
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        patterns = [r"^[A-Z]{3}-\d+$", r"^\w+@\w+\.(com|org)$", "^(yes|no)$", r"^[^\d\s]{2,4}$", "b+", r"^\d{4}-\d\d$"]
        return schema | {"pattern": draw(st.sampled_from(patterns))}
    low = draw(st.integers(0, 12))
    if draw(st.booleans()):
        schema["minLength"] = low
    if draw(st.booleans()):
        schema["maxLength"] = low + draw(st.integers(0, 5))
    return schema


def arrays(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.integers(0, 3)
    return st.one_of(
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, children, few),
        st.builds(
            lambda first, least: {"prefixItems": first, "minItems": least},
            st.lists(children, min_size=1, max_size=3),
            few,
        ),
        st.builds(lambda item: {"type": "array", "contains": item}, children),
        st.just({"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 4, "uniqueItems": True}),
    )


@st.composite
def objects(draw: st.DrawFn, children: st.SearchStrategy[Any]) -> dict[str, Any]:
    properties = draw(st.dictionaries(names, children, max_size=4))
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    required = draw(st.lists(st.sampled_from([*properties, "other"]), unique=True, max_size=4))
    if draw(st.booleans()):
        schema["additionalProperties"] = False
        required = [name for name in required if name in properties]
    else:
        schema["minProperties"] = draw(st.integers(0, 6))
    if required:
        schema["required"] = required
    return schema


def combined(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda each: {"anyOf": each}, st.lists(children, min_size=1, max_size=3)),
        st.builds(lambda each: {"allOf": [each, {"description": "the same"}]}, children),
        st.builds(lambda each: {"anyOf": [False, each]}, children),
        st.builds(lambda each: {"oneOf": [each, {"const": "another that no rule makes"}]}, children),
    )


leaves = st.one_of(
    st.just({}),
    st.just(True),
    st.sampled_from(["null", "boolean", "integer", "string", "object", "array"]).map(lambda kind: {"type": kind}),
    st.builds(lambda value: {"const": value}, scalars),
    st.builds(lambda values: {"enum": values}, st.lists(scalars, min_size=1, max_size=4, unique_by=repr)),
    st.builds(lambda kinds: {"type": kinds}, st.lists(st.sampled_from(["null", "string"]), min_size=1, unique=True)),
    st.just({"$ref": "#/$defs/leaf"}),
    st.just({"$ref": "#/$defs/tree"}),
    numbers(),
    strings(),
)
schemas = st.recursive(
    leaves, lambda children: st.one_of(arrays(children), objects(children), combined(children)), max_leaves=12
)
DEFINITIONS = {
    "leaf": {"type": "string", "minLength": 2},
    "tree": {
        "type": "object",
        "required": ["children"],
        "properties": {
            "children": {
                "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/tree"}, "minItems": 1}, {"type": "null"}]
            }
        },
    },
}


@settings(max_examples=400, deadline=None)
@given(schemas)
def test_an_instance_fits_its_schema(schema: Any) -> None:
    whole = {**(schema if isinstance(schema, dict) else {}), "$defs": DEFINITIONS}
    jsonschema.Draft202012Validator(whole).validate(minimal_instance(whole))


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"type": ["object", "string"]}},
        {"type": "integer", "not": {"multipleOf": 2}, "minimum": 4},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
        {"type": "number", "multipleOf": 0.25, "minimum": 0.1},
        {"type": "integer", "multipleOf": 1.5, "minimum": 1},
        {"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 5}, {"not": {"enum": [3, 4]}}]},
        {
            "allOf": [
                {"properties": {"a": {"minimum": 2}}},
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            ]
        },
        {"if": {"type": "object"}, "then": {"required": ["x"]}, "else": {"type": "string"}},
        {"type": "object", "required": ["a"], "dependentRequired": {"a": ["b"], "b": ["c"]}},
        {
            "type": "object",
            "patternProperties": {"^x-": {"type": "integer"}},
            "additionalProperties": False,
            "minProperties": 2,
        },
        {"type": "object", "propertyNames": {"pattern": "^[a-z]{3}$"}, "minProperties": 1},
        {"type": "array", "uniqueItems": True, "minItems": 2, "items": {"type": "boolean"}},
        {"type": "array", "uniqueItems": True, "minItems": 3, "items": {"enum": [1, True, "1"]}},
        {"type": "array", "contains": {"const": 3}, "minContains": 2, "minItems": 4, "items": {"type": "integer"}},
        {"oneOf": [{"type": "integer"}, {"type": "integer", "minimum": 5}, {"type": "string"}]},
        {"const": None},
        {"enum": [None]},
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": "^a{3,}$", "minLength": 6},
        {"$ref": "#/definitions/x", "definitions": {"x": {"$ref": "#/definitions/y"}, "y": {"type": "null"}}},
        {"properties": {"a": {"$ref": "#"}}, "type": "object"},
        {"$defs": {"x": {"$anchor": "here", "const": 7}}, "$ref": "#here"},
    ],
    ids=repr,
)
def test_an_instance_fits_what_is_rarer(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema).validate(minimal_instance(schema))


def test_an_instance_fits_an_older_schema() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["n", "pair"],
        "properties": {
            "n": {"type": "integer", "minimum": 2, "exclusiveMinimum": True},
            "pair": {"type": "array", "items": [{"type": "string"}, {"type": "null"}], "minItems": 2},
        },
    }
    jsonschema.Draft4Validator(schema).validate(minimal_instance(schema))


def test_an_instance_has_what_is_required_and_no_more() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b"]}
    assert minimal_instance(schema) == {"b": "mock"}


@pytest.mark.parametrize(
    "schema", [{"allOf": [{"type": "string"}, {"type": "null"}]}, {"not": {}}, {"enum": []}], ids=repr
)
def test_a_schema_that_nothing_fits_ends(schema: dict[str, Any]) -> None:
    minimal_instance(schema)


def test_a_schema_that_makes_no_sense_is_told() -> None:
    with pytest.raises(TaskError, match="the JSON Schema is not valid"):
        minimal_instance({"type": "text"})


@pytest.mark.parametrize(
    "pattern",
    ["^$", "^.{3}$", "^[^a-z]$", r"^\S\s\S$", "(?i)^ab$", "^(a|bc){2}$", "^[\\w.]+$", "^[^0]$", "x*y", "^\\W$"],
)
def test_a_text_matches_its_pattern(pattern: str) -> None:
    assert any(re.search(pattern, text) for text in texts_matching(pattern))


def test_a_pattern_that_is_none_has_no_text() -> None:
    assert list(texts_matching("(")) == []
