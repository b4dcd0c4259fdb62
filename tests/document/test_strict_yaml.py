"""What the strict subset refuses, with the place of each, and all of it in one go."""

from collections.abc import Callable
from typing import Any

import pytest

from nika_core import codes

TASK = "tasks:\n- id: a\n  shell: echo\n"


def found(loaded: Any) -> list[tuple[str, int, int]]:
    return [(problem.code, problem.place.line, problem.place.column) for problem in loaded.problems]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: &x y\n", (1, 7)),
        ("name: *x\n", (1, 7)),
        ("name: !!str y\n", (1, 7)),
        ("name: !t y\n", (1, 7)),
        ("name: a\nname: b\n", (2, 1)),
        ("agent: {model: m, model: n}\n", (1, 19)),
        ("agent: {<<: x, model: m}\n", (1, 9)),
        ("agent: {model: m, [a]: b}\n", (1, 19)),
        ("agent:\n  model: m\n  ? {a: b}\n  : c\n", (3, 5)),
    ],
)
def test_a_refused_construct_is_told_at_its_place(load: Callable[..., Any], text: str, place: tuple[int, int]) -> None:
    assert found(load(text + TASK)) == [(codes.YAML_NOT_STRICT, *place)]


def test_a_second_document_is_refused(load: Callable[..., Any]) -> None:
    assert found(load(TASK + "---\n" + TASK)) == [(codes.YAML_NOT_STRICT, 4, 1)]


def test_all_problems_of_a_file_come_in_one_go(load: Callable[..., Any]) -> None:
    text = """\
name: &n x
tasks:
- id: a
  shell: {{b}} and more
- id: a b
  shell: echo a: b
- id: c
  shell: "echo {{nope}}"
  timout: 3
- id: d
  http: {url: x, url: y}
- id: e
  shell: 'not closed
flows:
- {source: a, target: c
- {source: c, target: nix}
"""
    assert found(load(text)) == [
        (codes.YAML_NOT_STRICT, 1, 7),
        (codes.TEMPLATE_NOT_QUOTED, 4, 10),
        (codes.YAML_SYNTAX, 6, 16),
        (codes.UNKNOWN_REFERENCE, 8, 16),
        (codes.UNKNOWN_KEY, 9, 3),
        (codes.YAML_NOT_STRICT, 11, 18),
        (codes.YAML_SYNTAX, 13, 10),
        (codes.YAML_SYNTAX, 15, 3),
        (codes.UNKNOWN_FLOW_TARGET, 16, 23),
    ]


@pytest.mark.parametrize(
    ("value", "column"),
    [
        ("{{x}}", 10),
        ("{{ x }} and more", 10),
        ("{{x}}: {{y}}", 10),
    ],
)
def test_an_unquoted_template_is_explained(load: Callable[..., Any], value: str, column: int) -> None:
    loaded = load(f"tasks:\n- id: a\n  shell: {value}\n")
    assert found(loaded) == [(codes.TEMPLATE_NOT_QUOTED, 3, column)]
    assert "quotes" in loaded.problems[0].hint


def test_an_unquoted_template_in_flow_style_is_explained(load: Callable[..., Any]) -> None:
    assert found(load("tasks:\n- {id: a, shell: ${input.x}}\n")) == [(codes.TEMPLATE_NOT_QUOTED, 2, 18)]
    assert found(load("tasks:\n- {id: a, shell: {{x}} y}\n")) == [(codes.TEMPLATE_NOT_QUOTED, 2, 18)]
    text = TASK + "flows:\n- {source: a, target: a, condition: {{a}} == 'x'}\n"
    assert (codes.TEMPLATE_NOT_QUOTED, 5, 37) in found(load(text))


def test_a_scalar_is_a_text_until_the_schema_types_it(load: Callable[..., Any]) -> None:
    loaded = load("tasks:\n- {id: a, shell: 3.10}\n- {id: b, shell: NO}\n- {id: c, shell: '7'}\n")
    values = [task.payload["command"] for task in loaded.workflow.tasks]
    assert values == ["3.10", "NO", "7"]
    assert all(type(value) is str for value in values)


def test_json_trees_type_exactly_json(load: Callable[..., Any]) -> None:
    tree = (
        "[3, -3, 0.5, 1e3, 3.10, 007, +1, '3', \"true\", true, null, ~, NO, yes, 1_000, -0, .5, 12345678901234567890]"
    )
    loaded = load(f"tasks:\n- {{id: a, http: {{url: x, json: {tree}}}}}\n")
    assert loaded.workflow.tasks[0].payload["json"] == [
        3, -3, 0.5, "1e3", "3.10", "007", "+1", "3", "true", True, None, "~", "NO", "yes", "1_000", "-0", ".5",
        12345678901234567890,
    ]  # fmt: skip


def test_nesting_is_bounded(load: Callable[..., Any], make_limits: Callable[..., Any]) -> None:
    deep = "tasks:\n- {id: a, http: {url: x, json: " + "[" * 30 + "]" * 30 + "}}\n"
    assert load(deep).workflow is not None
    (problem,) = load(deep, make_limits(recursion=20)).problems
    assert problem.code == codes.DEPTH_LIMIT


def test_tasks_and_flows_are_counted(load: Callable[..., Any], make_limits: Callable[..., Any]) -> None:
    text = "tasks:\n" + "".join(f"- {{id: t{number}, shell: x}}\n" for number in range(6))
    assert load(text, make_limits(tasks=6)).workflow is not None
    assert [problem.code for problem in load(text, make_limits(tasks=5)).problems] == [codes.COUNT_LIMIT]
    text += "flows:\n" + "".join(f"- {{source: t{number}, target: t{number + 1}}}\n" for number in range(5))
    assert [problem.code for problem in load(text, make_limits(flows=4)).problems] == [codes.COUNT_LIMIT]


class Hurried:
    """A clock on which every look costs a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        self.now += 1
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


def test_validation_ends_at_its_deadline(load: Callable[..., Any]) -> None:
    text = "tasks:\n" + "".join(f"- {{id: t{number}, shell: x}}\n" for number in range(900))
    (problem,) = load(text, clock=Hurried()).problems
    assert problem.code == codes.TIMEOUT
    assert "NIKA_VALIDATE_TIMEOUT" in problem.message


def test_many_problems_are_cut_with_a_word_about_it(load: Callable[..., Any]) -> None:
    text = "tasks:\n" + "".join(f"- {{id: t{number}, shell: x, nix: y}}\n" for number in range(300))
    loaded = load(text)
    assert len(loaded.problems) == 101
    assert "more errors" in loaded.problems[-1].message
