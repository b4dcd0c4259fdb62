"""One rule for what is JSON: an agent asks again for exactly what the engine would not take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.engine.task.outputs import parsed
from nika_core.errors import Category, TaskError
from nika_core.model.workflow import OutputSpec
from nika_core.toolbox.agent import json_problem, parse_json, value_problems

DEPTH = 3
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 9}}, "required": ["a"]}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner),
    max_leaves=8,
)
TEXTS = (
    VALUES.map(json.dumps)  # NaN and Infinity among them
    | st.tuples(VALUES, VALUES).map(lambda two: f'{{"a": {json.dumps(two[0])}, "a": {json.dumps(two[1])}}}')
    | st.integers(0, 6).map(lambda depth: "[" * depth + "]" * depth)
    | st.text('{}[]":,a1e9-. ', max_size=12)
    | st.sampled_from(['{"a": 1e999}', '{"a": -1e999}', '{"a": ' + "9" * 5000 + "}", "[" * 100_000])
)


@settings(deadline=None)
@given(TEXTS, st.sampled_from([None, {}, SCHEMA]))
async def test_an_agent_and_the_engine_take_the_same_texts(text: str, schema: Any) -> None:
    output = OutputSpec("json", schema)
    if json_problem(text, schema, DEPTH) is None:
        assert await parsed(text, output, DEPTH) == parse_json(text, DEPTH)
    else:
        with pytest.raises(TaskError) as caught:
            await parsed(text, output, DEPTH)
        assert caught.value.category is Category.VALIDATION


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "NaN is not a JSON value"),
        ("[1e999]", "the number 1e999 is too large"),
        ('{"a": 1, "b": {"a": 2, "a": 3}}', "the key 'a' stands twice in one object"),
        ("[[[[]]]]", "nested deeper than 3 levels"),
        ("{", "not JSON: .* at line 1, column 2"),
        ("{\r\n 1", "not JSON: .* at line 2, column 2"),
        ("{\r\r 1", "not JSON: .* at line 3, column 2"),  # a line ends where an editor ends it
        ("9" * 5000, "Exceeds the limit"),
    ],
)
def test_what_is_no_strict_json_is_told_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_json(text, DEPTH)


def test_of_many_faults_a_few_are_told() -> None:
    problems = value_problems(["x"] * 100_000, {"items": {"type": "integer"}})
    assert problems == [f"$[{index}]: 'x' is not of type 'integer'" for index in range(5)]


def test_a_schema_that_is_no_json_itself_is_a_configuration_error() -> None:
    with pytest.raises(TaskError, match="is not valid") as caught:
        value_problems({"a": 1}, {"properties": {"a": {"enum": {1, 2}}}})
    assert caught.value.category is Category.CONFIG
