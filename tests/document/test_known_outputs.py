"""What a keyword knows of its output is what references to it are checked with, unless the task says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from nika_core.testing import validate_workflow

COPY = '  - {id: copy, set: "{{data.nowhere}}"}\n'


def problems(task: str, more: str = COPY) -> list[str]:
    return [each.message for each in validate_workflow(f"tasks:\n  - {{id: data, {task}}}\n{more}")]


def test_a_field_that_the_keyword_never_returns_is_refused() -> None:
    assert problems("set: {n: 1}") == ["{{data.nowhere}}: what is known of the output of 'data' declares no 'nowhere'"]


@pytest.mark.parametrize(
    "said",
    [
        "output: {format: json}",
        "onError: {value: {nowhere: 1}}",
        "forEach: {items: [1, 2], onItemError: {value: {nowhere: 1}}}",
    ],
)
def test_where_the_task_says_what_its_output_may_be_the_keyword_does_not(said: str) -> None:
    reference = '  - {id: copy, set: "{{data.0.nowhere}}"}\n' if "forEach" in said else COPY
    assert problems(f"set: {{n: 1}}, {said}", reference) == []


@pytest.mark.parametrize(
    ("more", "path", "refused"),
    [
        ("forEach: [1, 2]", "data.0.nowhere", True),
        ("forEach: [1, 2]", "data.nowhere", True),
        ("forEach: [1, 2]", "data.0.n", False),
        ('repeat: {until: "{{data.n}} == 1", max: 2}', "data.nowhere", True),
        ('repeat: {until: "{{data.n}} == 1", max: 2, collect: true}', "data.0.nowhere", False),
    ],
)
def test_of_a_list_it_is_about_its_items_and_of_a_loop_about_its_last_round(more: str, path: str, refused: Any) -> None:
    assert bool(problems(f"set: {{n: 1}}, {more}", f'  - {{id: copy, set: "{{{{{path}}}}}"}}\n')) is refused


def test_a_workflow_that_a_task_stands_for_has_what_is_known_of_its_output_task() -> None:
    inner = "workflows:\n  one: {tasks: [{id: n, set: {a: 1}}]}\n"
    found = problems("workflow: {use: one}", f'  - {{id: copy, set: "{{{{data.b}}}}"}}\n{inner}')
    assert found == ["{{data.b}}: the output of the workflow of 'data' declares no 'b'"]
