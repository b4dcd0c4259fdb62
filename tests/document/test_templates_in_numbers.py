"""Templates in numbers and times: what they may name, and where each problem is."""

from collections.abc import Callable
from typing import Any

import pytest

from nika_core import codes

HEAD = "tasks:\n- {id: a, shell: date}\n"


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("- {id: b, shell: x, timeout: '{{a}}'}", 31, "`timeout` cannot name a task's output"),
        ("- {id: b, shell: x, timeout: '1{{a ?? 2}}'}", 32, "`timeout` cannot name a task's output"),
        ("- {id: b, shell: x, idleTimeout: '{{a}}'}", 35, "`idleTimeout` cannot name a task's output"),
        ("- {id: b, shell: x, retry: {max: '{{a}}'}}", 35, "`max` cannot name a task's output"),
        ("- {id: b, shell: x, retry: {backoff: '{{a}}s'}}", 39, "`backoff` cannot name a task's output"),
        ("- {id: b, shell: x, forEach: {items: [c], max: '{{a}}'}}", 49, "`max` cannot name a task's output"),
        ("- {id: b, shell: x, repeat: {until: '{{b}} == 1', max: '{{a}}'}}", 57, "`max` cannot name a task's output"),
        ("- {id: b, shell: x, timeout: '{{c}}'}", 31, "c"),
        ("- {id: b, shell: x, timeout: '{{a}'}", 34, ""),
        ("- {id: b, shell: x, timeout: 'x${'}", 30, "a duration"),
        ("- {id: b, shell: x, retry: {max: '${input.n'}}", 35, "never closed"),
        ("- {id: b, shell: x, retry: {max: '\\${input.n}'}}", 34, "a whole number"),
        ("- {id: b, agent: {prompt: x, limit: '{{a}}'}}", 38, "`limit` cannot name a task's output"),
    ],
)
def test_what_a_task_yields_cannot_be_in_them(
    load: Callable[..., Any], catalog: Any, text: str, column: int, message: str
) -> None:
    head = "agent: {model: m}\n" if "agent" in text else "name: n\n"
    problems = [each for each in load(f"{head}{HEAD}{text}\n").problems if each.severity == "error"]
    assert [(each.place.line, each.place.column) for each in problems] == [(4, column)]
    assert message in problems[0].message


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("timeout: '{{a}}'\n", 11),
        ("agent: {model: m, maxTurns: '{{a}}'}\n", 30),
        ("agent: {model: m, temperature: '{{a}}'}\n", 33),
        ("env: {A: 'x{{a}}'}\n", 12),
    ],
)
def test_nor_in_those_of_the_whole_workflow(load: Callable[..., Any], text: str, column: int) -> None:
    (problem,) = [each for each in load(text + HEAD).problems if each.severity == "error"]
    assert (problem.code, problem.place.line, problem.place.column) == (codes.UNKNOWN_REFERENCE, 1, column)
    assert "${input.name}" in problem.hint


def test_names_of_variables_are_checked(load: Callable[..., Any]) -> None:
    problems = load("env: {A-B: x, 1A: y, OK: '', é: z}\n" + HEAD).problems
    assert [(each.code, each.place.line, each.place.column) for each in problems] == [
        (codes.BAD_VALUE, 1, column) for column in (7, 15, 30)
    ]
    assert load("env:\n" + HEAD).workflow.env == {}
    assert load("env: {A: 'x', B: }\n" + HEAD).workflow.env == {"A": "x", "B": ""}
    (problem,) = load("env: [A]\n" + HEAD).problems
    assert problem.place.column == 6
