"""Inputs: typed, defaulted, required; wrong ones refused with all their problems at once."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core import codes
from nika_core.document import check_inputs
from nika_core.model.input_values import read_value

TASKS = "tasks: [{id: a, shell: x}]\n"
DECLARED = """\
inputs:
  topic: {description: what about}
  count: {type: int, default: 3}
  rate: {type: float, required: false}
  loud: {type: bool, default: "true"}
  extra: {type: json, default: {a: [1, "1", null]}}
"""


@pytest.fixture
def workflow(load: Callable[..., Any]) -> Any:
    loaded = load(DECLARED + TASKS)
    assert loaded.problems == ()
    return loaded.workflow


def test_defaults_have_their_declared_type(workflow: Any) -> None:
    values, problems = check_inputs(workflow, {"topic": "yaml"})
    assert problems == ()
    assert values == {"topic": "yaml", "count": 3, "loud": True, "extra": {"a": [1, "1", None]}}


def test_texts_are_read_as_the_declared_type(workflow: Any) -> None:
    given_ = {"topic": "7", "count": "-4", "rate": "1e3", "loud": "false", "extra": '[1, {"b": 2}]'}
    values, problems = check_inputs(workflow, given_)
    assert problems == ()
    assert values == {"topic": "7", "count": -4, "rate": 1000.0, "loud": False, "extra": [1, {"b": 2}]}


def test_all_that_is_wrong_is_told_at_once(workflow: Any) -> None:
    _, problems = check_inputs(workflow, {"count": "many", "rate": "nan", "loud": "maybe", "extra": "{", "topik": "x"})
    assert len(problems) == 6
    assert {problem.code for problem in problems} == {codes.BAD_INPUT}
    assert "did you mean `topic`?" in {problem.hint for problem in problems}
    assert any(problem.message == "input `topic` is missing (what about)" for problem in problems)


def test_a_value_of_a_wrong_type_has_one_that_fits_in_its_hint(workflow: Any) -> None:
    _, problems = check_inputs(workflow, {"topic": "t", "count": "many", "rate": "high", "extra": "{"})
    assert [problem.hint for problem in problems] == [
        "for example: -i count=3",
        "for example: -i rate=0.5",
        """for example: -i extra='{"a":[1,"1",null]}'""",
    ]


def test_a_problem_leads_to_the_declaration(workflow: Any) -> None:
    _, (problem,) = check_inputs(workflow, {"topic": "x", "count": "many"})
    assert problem.place.line == 3


def test_values_of_files_keep_their_type_and_wrong_ones_are_refused(workflow: Any) -> None:
    values, problems = check_inputs(workflow, {"topic": "x", "count": 5, "extra": {"deep": True}})
    assert (values["count"], values["extra"], problems) == (5, {"deep": True}, ())
    _, problems = check_inputs(workflow, {"topic": 3, "count": True, "loud": 1, "rate": "1" * 5000})
    assert len(problems) == 4


def test_without_a_declaration_everything_is_taken_as_a_text(load: Callable[..., Any]) -> None:
    values, problems = check_inputs(load(TASKS).workflow, {"a": "1", "b": 2, "c": {"d": [True]}})
    assert (values, problems) == ({"a": "1", "b": "2", "c": '{"d":[true]}'}, ())


@pytest.mark.parametrize(
    ("declaration", "column"),
    [
        ("{type: int, default: many}", 27),
        ("{type: number}", 13),
        ("{required: perhaps}", 17),
        ("{type: bool, default: yes}", 28),
        ("{typ: int}", 7),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(load: Callable[..., Any], declaration: str, column: int) -> None:
    (problem,) = load(f"inputs:\n  n: {declaration}\n{TASKS}").problems
    assert (problem.place.line, problem.place.column) == (2, column)


def test_json_is_bounded_in_depth(load: Callable[..., Any], make_limits: Callable[..., Any]) -> None:
    workflow = load("inputs:\n  n: {type: json}\n" + TASKS).workflow
    limits = make_limits(json_depth=3)
    assert check_inputs(workflow, {"n": "[[[1]]]"}, limits)[1] == ()
    assert check_inputs(workflow, {"n": "[[[[1]]]]"}, limits)[1] != ()
    assert check_inputs(workflow, {"n": "[" * 100_000}, limits)[1] != ()


@given(st.sampled_from(["string", "int", "float", "bool", "json"]), st.text(max_size=20) | st.floats() | st.integers())
def test_any_value_is_read_or_refused(type_: str, value: Any) -> None:
    with suppress(ValueError):  # and nothing else is raised
        read_value(type_, value, 10)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("{type: int, min: 3, max: 2}", "no number is at least 3 and at most 2"),
        ("{type: int, max: 2, enum: [1, 3]}", "expected at most 2, found `3`"),
    ],
)
def test_an_input_that_can_have_no_value_is_an_error(load: Callable[..., Any], declared: str, told: str) -> None:
    (problem,) = load(f"inputs:\n  n: {declared}\n{TASKS}").problems
    assert told in problem.message
    assert problem.place.line == 2


def test_true_is_not_the_choice_1(load: Callable[..., Any]) -> None:
    workflow = load(f"inputs:\n  n: {{type: json, enum: [1, 2]}}\n{TASKS}").workflow
    assert check_inputs(workflow, {"n": "1"})[0] == {"n": 1}
    _, (problem,) = check_inputs(workflow, {"n": "true"})
    assert "expected one of `1`, `2`" in problem.message
