"""`set`: the output is the payload, any JSON with templates in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing import RunOutcome, plan_workflow, run_workflow, validate_workflow

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
DATA = """\
tasks:
  - id: data
    set: {list: [1, a], n: 3, text: "3", version: 3.10, yes: true, none: null, value: x}
"""


def result(payload: str, **options: Any) -> RunOutcome:
    return run_workflow(f"{DATA}  - id: copy\n    set: {payload}\n", **options)


def test_plain_scalars_that_are_json_have_that_type() -> None:
    assert run_workflow(DATA).output == {
        "list": [1, "a"],
        "n": 3,
        "text": "3",
        "version": "3.10",
        "yes": True,
        "none": None,
        "value": "x",
    }


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        ('"{{data.list}}"', [1, "a"]),
        ('"{{data.n}}"', 3),
        ('"{{data.none}}"', None),
        ('"n is {{data.n}}"', "n is 3"),
        ('{value: "{{data.value}}"}', {"value": "x"}),
        ('{value: {deep: ["{{data.n}}", "{{data.list}}"]}}', {"value": {"deep": [3, [1, "a"]]}}),
        ("[1, 2]", [1, 2]),
        ("[]", []),
        ("{}", {}),
        ("false", False),
        ('"false"', "false"),
        (r'"\\{{data}}"', "{{data}}"),
    ],
)
def test_the_payload_itself_is_the_output(payload: str, output: Any) -> None:
    assert result(payload).output == output


def test_a_value_that_looks_like_a_template_stays_text() -> None:
    assert run_workflow(
        "tasks:\n  - id: copy\n    set: {text: '${input.text}'}\n", inputs={"text": "{{copy}}"}
    ).output == {"text": "{{copy}}"}


def test_a_mocked_run_has_the_same_output() -> None:
    assert result('{n: "{{data.n}}"}', mock=True).output == {"n": 3}


def test_it_touches_nothing() -> None:
    (task,) = plan_workflow(DATA).tasks
    assert task.effects == ()


@pytest.mark.parametrize(
    ("payload", "message", "line", "column"),
    [
        ('{a: {b: "{{nowhere}}"}}', "there is no task 'nowhere'", 5, 19),
        ('["x", "a {{nowhere.x}}"]', "there is no task 'nowhere'", 5, 19),
        ('"{{nowhere}}"', "there is no task 'nowhere'", 5, 11),
        ('{value: "{{nowhere}}"}', "there is no task 'nowhere'", 5, 19),
        ('{a: ["x{{"]}', "", 5, 17),
        ('{"{{data}}": 1}', "a template cannot stand in a key", 5, 23),
    ],
)
def test_a_problem_is_reported_at_its_place(payload: str, message: str, line: int, column: int) -> None:
    (problem,) = validate_workflow(f"{DATA}  - id: copy\n    set: {payload}\n")
    assert message in problem.message
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (line, column)


def test_a_missing_value_is_named_by_its_place_in_the_payload() -> None:
    failure = result('{a: [{b: "{{data.list.7}}"}]}').task("copy").failure
    assert failure is not None
    assert failure.message.startswith("in 'set.a.0.b': {{data.list.7}}: ")


def test_the_example_of_the_readme_runs() -> None:
    workflow = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert workflow is not None
    ran = run_workflow(workflow[1])
    assert ran.task("team").output == {"title": "Team core", "people": ["Ada", "Grace"], "size": 2, "open": True}
    assert ran.output == ["Ada", "Grace"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("data.nn", "declares no 'nn'"),
        ("data.n.deep", "says that 'n' is integer, which has no 'deep'"),
        ("data.list.first", "says that 'list' is a list, and 'first' is not an index"),
    ],
)
def test_a_reference_to_what_the_value_does_not_have_is_found_before_a_run(reference: str, message: str) -> None:
    (problem,) = validate_workflow(f'{DATA}  - {{id: copy, set: "{{{{{reference}}}}}"}}\n')
    assert problem.message == f"{{{{{reference}}}}}: what is known of the output of 'data' {message}"


@pytest.mark.parametrize("reference", ["data.list.0", "data.none", "data.value", "data.nn ?? 1", "filled.x.deep"])
def test_what_may_be_there_is_not_refused(reference: str) -> None:
    filled = '  - {id: filled, set: {x: "{{data.list.1}}"}}\n'
    assert validate_workflow(f'{DATA}{filled}  - {{id: copy, set: "{{{{{reference}}}}}"}}\n') == ()
