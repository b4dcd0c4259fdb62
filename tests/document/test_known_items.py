"""`${each.item.x}` is checked with what is known of the list before a run."""

from __future__ import annotations

import pytest

from nika_core.testing import validate_workflow

HEAD = """\
inputs: {rows: {type: json}}
tasks:
  - id: plan
    echo: x
    output:
      format: json
      schema:
        type: object
        properties:
          parts:
            type: array
            items: {type: object, properties: {title: {type: string}, more: {type: object}, kind: {enum: [a, b]}}}
"""
TEXT = "only a whole output that is JSON text is read by path, not text inside of one"


def problems(items: str, path: str, more: str = "") -> list[tuple[str, str | None]]:
    text = f'{HEAD}  - {{id: each, forEach: {items}, set: "${{each.item.{path}}}"{more}}}\n'
    return [(each.message, each.hint) for each in validate_workflow(text)]


@pytest.mark.parametrize(
    ("items", "path", "reason", "hint"),
    [
        ('"{{plan.parts}}"', "titel", "declares no 'titel'", "did you mean 'title'?"),
        ('"{{plan.parts}}"', "title.x", "says that 'title' is string, which has no 'x'", TEXT),
        ('"{{plan.parts | unique}}"', "titel", "declares no 'titel'", "did you mean 'title'?"),
        ("[{a: 1}, {a: 2, b: 3}]", "c", "declares no 'c'", "it declares: a, b"),
    ],
)
def test_a_part_that_no_item_has_is_refused(items: str, path: str, reason: str, hint: str) -> None:
    assert problems(items, path) == [(f"${{each.item.{path}}}: what is known of the items {reason}", hint)]


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ('"{{plan.parts}}"', "title"),
        ('"{{plan.parts}}"', "more.of.it"),
        ('"{{plan.parts}}"', "titel ?? ''"),
        ("[{a: 1}, {a: 2, b: 3}]", "b"),
        ("[{a: 1}, 2]", "c"),
        ('[{a: 1}, "{{plan}}"]', "c"),
        ('"${input.rows}"', "c"),
        ("\"{{plan.parts | pluck('more')}}\"", "c"),
        ('"{{plan.parts ?? plan}}"', "c"),
    ],
)
def test_a_part_that_an_item_may_have_is_fine(items: str, path: str) -> None:
    assert problems(items, path) == []


def test_one_reference_in_two_lists_is_checked_for_each() -> None:
    text = HEAD + "".join(
        f'  - {{id: {name}, forEach: [{{{name}: 1}}], set: "${{each.item.a}}"}}\n' for name in ("a", "b")
    )
    (problem,) = validate_workflow(text)
    assert problem.place is not None
    assert problem.place.line == 14


def test_the_key_of_the_list_and_its_condition_are_checked_too() -> None:
    list_of = '{items: "{{plan.parts}}", key: "${each.item.name}"}'
    found = problems(list_of, "title", """, when: "${each.item.ttle} == 'x'\"""")
    assert [message for message, _ in found] == [
        "${each.item.name}: what is known of the items declares no 'name'",
        "${each.item.ttle}: what is known of the items declares no 'ttle'",
    ]


def test_a_condition_for_each_item_compares_with_values_that_items_have() -> None:
    assert problems('"{{plan.parts}}"', "title", """, when: "${each.item.kind} == 'c'\"""") == [
        ("${each.item.kind} is never the text 'c'", "it is one of: 'a', 'b'")
    ]
    assert problems('"{{plan.parts}}"', "title", """, when: "${each.item.kind} == 'a'\"""") == []
