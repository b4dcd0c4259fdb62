"""Pipes: what each one makes of a value, what it refuses, and when."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.errors import TemplateValueError
from nika_core.model.template import Placeholder
from nika_core.plugin import Values
from nika_core.template import compile_condition, compile_template, resolve, why_not_piped
from nika_core.template.pipes import PIPES, pipe_example

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
OPEN = [{"n": 1, "state": "open"}, {"n": 2, "state": "closed"}, None, {"n": 3, "state": "open"}, {"state": "none"}]


class Outputs:
    """The source of `{{task}}`, from a dictionary."""

    def resolve(self, placeholder: Placeholder, values: Values) -> Any:
        if placeholder.path[0] not in values.outputs:
            raise TemplateValueError(f"'{placeholder.path[0]}' has no output")
        return values.outputs[placeholder.path[0]]


def piped(pipes: str, value: Any, name: str = "x") -> Any:
    template = compile_template(f"{{{{{name} | {pipes}}}}}")
    placeholder = template.single if not isinstance(template, str) else None
    assert placeholder is not None
    return resolve(placeholder, Values({"x": value}), lambda _: Outputs())  # type: ignore[arg-type]  # only resolves


@pytest.mark.parametrize(
    ("pipes", "value", "result"),
    [
        ("length", [1, None, 2], 3),
        ("length", "four", 4),
        ("length", {"a": 1}, 1),
        ("length", '["a", "b"]', 10),
        ("join(', ')", ["a", None, 1, {"b": [2]}], 'a, 1, {"b":[2]}'),
        ("join(', ')", '["a", "b"]', "a, b"),
        ("lines('- ')", ["a", None, "b"], "- a\n- b"),
        ("first(2)", [1, 2, 3], [1, 2]),
        ("first(2)", "abc", "ab"),
        ("first(0)", [1], []),
        ("last(2)", [1, 2, 3], [2, 3]),
        ("last(0)", "abc", ""),
        ("pluck('a.b')", [{"a": {"b": 1}}, None, '{"a": {"b": 2}}'], [1, None, 2]),
        ("where('state', 'open') | pluck('n') | sum", OPEN, 4),
        ("where('n', 2) | length", OPEN, 1),
        ("flatten", [[1, 2], 3, [[4]]], [1, 2, 3, [4]]),
        ("unique", [1, "1", 1, {"a": 1, "b": 2}, {"b": 2, "a": 1}, True], [1, "1", {"a": 1, "b": 2}, True]),
        ("sum", [1, None, 2], 3),
        ("sum", [0.1] * 10, 1.0),
        ("sum", [], 0),
        ("average", [1, None, 2], 1.5),
        ("average", [], None),
        ("average", [None], None),
        ("compact", [None, 0, "", None], [0, ""]),
        ("then('yes', 'no')", True, "yes"),
        ("then('yes', 'no')", "false", "no"),
        ("then(1, [2])", None, [2]),
        ("json", {"a": [1, "é"]}, '{"a":[1,"é"]}'),
        ("trim", "  a \n", "a"),
        ('where("state", "open") | first(1) | json', OPEN, '[{"n":1,"state":"open"}]'),
    ],
)
def test_what_a_pipe_makes_of_a_value(pipes: str, value: Any, result: Any) -> None:
    assert piped(pipes, value) == result
    assert type(piped(pipes, value)) is type(result)


@pytest.mark.parametrize(
    ("pipes", "value", "message"),
    [
        ("length", 3, "`length` takes a text or a list or an object, and the value is the number 3"),
        ("join(',')", "text", "`join` takes a list, and the value is the text 'text'"),
        ("sum", ["1"], "`sum` takes a list of numbers, and one item is the text '1'"),
        ("sum", [True], "one item is true"),
        ("sum", [1e308, 1e308], "too large"),
        ("average", [10**400, 1.5], "too large"),
        ("average", [10**400], "too large"),
        ("pluck('a')", [{"b": 1}], "'a'"),
        ("pluck('a')", [3], "'a'"),
        ("trim", ["a"], "`trim` takes a text"),
        ("then(1, 2)", "perhaps", "neither true nor false"),
        ("first(1)", {"a": 1}, "an object"),
    ],
)
def test_a_pipe_on_a_value_of_another_type_is_an_error_that_names_the_template(
    pipes: str, value: Any, message: str
) -> None:
    with pytest.raises(TemplateValueError) as caught:
        piped(pipes, value)
    assert message in caught.value.message
    assert caught.value.message.startswith("{{x | ")


def test_pipes_apply_to_the_whole_chain_of_defaults() -> None:
    assert piped("length", None, "missing ?? x ?? []") == 0
    assert piped("length", [1], "missing ?? x ?? []") == 1
    with pytest.raises(TemplateValueError) as caught:
        piped("length", None, "missing")
    assert '{{missing ?? "..." | length}}' in (caught.value.hint or "")


def test_a_condition_reads_what_a_pipe_makes() -> None:
    condition = compile_condition("{{x | length}} > 2 || {{x | first(1) | json}} == '[1]'")
    for value, holds in (([1], True), ([2, 3], False), ([2, 3, 4], True)):
        values = Values({"x": value})
        assert condition.evaluate(lambda one, values=values: resolve(one, values, lambda _: Outputs())) is holds  # type: ignore[arg-type, misc]  # only resolves


def test_what_a_schema_says_is_enough_to_refuse_a_pipe() -> None:
    def pipes(text: str) -> Any:
        return compile_template(f"{{{{x | {text}}}}}").single.pipes  # type: ignore[union-attr]  # it is one

    assert why_not_piped(pipes("sum"), ["array"]) is None
    assert why_not_piped(pipes("sum"), ["string"]) is None  # it may be the text of a list
    assert why_not_piped(pipes("sum"), ["integer", "null"]) is not None
    assert why_not_piped(pipes("join(',') | sum | length"), []) is not None
    assert why_not_piped(pipes("first(1) | trim"), ["array"]) is not None
    assert why_not_piped(pipes("then(1, 2) | sum"), ["boolean"]) is None


def test_every_pipe_has_an_example_that_can_be_read() -> None:
    for name in PIPES:
        text = pipe_example(name).removeprefix("e.g. ")
        assert compile_template(text).single.pipes[0].name == name  # type: ignore[union-attr]  # it is one


@given(value=JSON, name=st.sampled_from(sorted(PIPES)))
def test_a_pipe_returns_a_value_or_says_why_not(value: Any, name: str) -> None:
    call = pipe_example(name).removeprefix("e.g. {{task | ").removesuffix("}}")
    with suppress(TemplateValueError):
        assert json.loads(json.dumps(piped(call, value))) == piped(call, value)
