"""`workflow`: which workflow a payload names, and with which inputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nika_core.testing import run_workflow, validate_workflow

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
PART = "workflows: {part: {inputs: {n: {type: int, default: 1}}, tasks: [{id: a, set: {n: '${input.n}'}}]}}\n"


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        ("part", {"n": 1}),
        ("{use: part}", {"n": 1}),
        ("{use: part, with: {n: 3}}", {"n": 3}),
        ("{use: part, with: {n: '4'}}", {"n": 4}),
        ("{use: part, with: {n: '${input.n}'}}", {"n": 5}),
    ],
)
def test_the_output_is_that_of_the_workflow_with_these_inputs(payload: str, output: object) -> None:
    ran = run_workflow(f"{PART}tasks: [{{id: part, workflow: {payload}}}]\n", inputs={"n": "5"})
    assert ran.output == output


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("{with: {n: 3}}", "use"),
        ("{use: part, with: [1]}", "expected a mapping, found a list"),
        ("{use: part, inputs: {n: 1}}", "inputs"),
        ("{use: part, with: {n: x}}", "expected a whole number, found `x`"),
        ("{use: '${input.which}'}", "which workflow a task stands for is known before a run"),
    ],
)
def test_a_wrong_payload_is_a_problem_of_the_file(payload: str, message: str) -> None:
    (problem, *_) = validate_workflow(f"{PART}tasks:\n  - id: part\n    workflow: {payload}\n")
    assert message in problem.message
    assert problem.place is not None
    assert problem.place.line == 4


def test_the_example_of_the_readme_runs() -> None:
    workflow = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert workflow is not None
    ran = run_workflow(workflow[1])
    assert ran.task("sections").output == [
        {"title": "About rivers", "letters": 6},
        {"title": "About lakes", "letters": 5},
    ]
    assert ran.output == "About rivers"
