"""Words that people bring from other systems give an unknown key whose hint names what there is for it here."""

from collections.abc import Callable
from typing import Any

import pytest

from nika_core import codes

HINTS = {
    "if": "`when`",
    "for_each": "forEach",
    "loop": "repeat",
    "matrix": "forEach",
    "strategy": "forEach",
    "parallel": "at once",
    "needs": "{{other}}",
    "depends_on": "{{other}}",
    "finally": "always: true",
    "trigger_rule": "${state.task}",
    "continue-on-error": "onError: continue",
    "continueOn": "onError: continue",
    "repeatPolicy": "repeat:",
    "max_iterations": "`max` of `repeat`",
    "until_bash": "until",
    "approval": "`ask: ...`",
}
ON_A_TASK = {**HINTS, "environment": "env", "values": "enum", "steps": "under `tasks:`"}
AT_THE_ROOT = {**HINTS, "environment": "`env`", "values": "enum", "steps": "did you mean `tasks`?"}


@pytest.mark.parametrize(("word", "hint"), ON_A_TASK.items())
def test_on_a_task_beside_the_keyword(load: Callable[..., Any], word: str, hint: str) -> None:
    (problem,) = load(f"tasks:\n- id: a\n  shell: date\n  {word}: x\n").problems
    assert (problem.code, problem.place.line, problem.place.column) == (codes.UNKNOWN_KEY, 4, 3)
    assert hint in problem.hint


@pytest.mark.parametrize(("word", "hint"), AT_THE_ROOT.items())
def test_at_the_root(load: Callable[..., Any], word: str, hint: str) -> None:
    problem = load(f"{word}: x\ntasks:\n- id: a\n  shell: date\n").problems[0]
    assert (problem.code, problem.place.line, problem.place.column) == (codes.UNKNOWN_KEY, 1, 1)
    assert hint in problem.hint


@pytest.mark.parametrize(("word", "hint"), HINTS.items())
def test_in_the_payload(load: Callable[..., Any], word: str, hint: str) -> None:
    (problem,) = load(f"tasks:\n- id: a\n  shell: {{command: date, {word}: x}}\n").problems
    assert (problem.code, problem.place.line) == (codes.BAD_PAYLOAD, 3)
    assert hint in problem.hint


def test_the_values_of_an_input_are_its_enum(load: Callable[..., Any]) -> None:
    (problem,) = load("inputs: {a: {values: [x]}}\ntasks:\n- id: a\n  shell: date\n").problems
    assert problem.hint == "did you mean `enum`?"


def test_the_values_of_a_list_are_its_items(load: Callable[..., Any]) -> None:
    problem = load("tasks:\n- id: a\n  shell: date\n  forEach: {values: [x]}\n").problems[0]
    assert problem.hint == "did you mean `items`?"
