"""`fail`: the task fails with its message, once, and has no output."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import nika_core
from nika_core.plugin import Category
from nika_core.testing import plan_workflow, run_workflow, validate_workflow

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")
WORKFLOW = """\
tasks:
  - id: count
    set: 3
  - id: refuse
    fail: "{{count}} are too many"
    retry: {max: 3}
"""


@pytest.mark.parametrize("options", [{}, {"mock": True}])
def test_it_fails_with_its_message_and_is_never_retried(options: dict[str, Any]) -> None:
    task = run_workflow(WORKFLOW, **options).task("refuse")
    assert task.failure is not None
    assert (task.failure.category, task.failure.code) == (Category.VALIDATION, "FAIL-001")
    assert task.failure.message == "3 are too many"
    assert (task.attempts, task.has_output) == (1, False)


def test_the_long_form_says_the_same() -> None:
    task = run_workflow("tasks:\n  - {id: refuse, fail: {message: no}}\n").task("refuse")
    assert task.failure is not None
    assert task.failure.message == "no"


def test_a_message_that_turns_out_to_be_empty_is_named() -> None:
    task = run_workflow('tasks:\n  - {id: refuse, fail: "${input.why}"}\n', inputs={"why": " "}).task("refuse")
    assert task.failure is not None
    assert task.failure.message == "the message of `fail` is empty"


@pytest.mark.parametrize("payload", ['""', "{}", "[a]", "{message: x, code: 3}"])
def test_a_payload_without_a_message_and_nothing_else_is_refused(payload: str) -> None:
    (problem,) = validate_workflow(f"tasks:\n  - id: refuse\n    fail: {payload}\n")
    assert problem.place is not None
    assert problem.place.line == 3


def test_its_code_is_explained() -> None:
    assert nika_core.explain("FAIL-001").title == "the workflow fails on purpose"


def test_it_touches_nothing() -> None:
    assert plan_workflow(WORKFLOW).tasks[1].effects == ()


@pytest.mark.parametrize(("version", "state"), [("", "failed"), ("1.0", "skipped")])
def test_the_example_of_the_readme_runs(version: str, state: str) -> None:
    workflow = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert workflow is not None
    assert run_workflow(workflow[1], inputs={"version": version}).task("refuse").state == state
