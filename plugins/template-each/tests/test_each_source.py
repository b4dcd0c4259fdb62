"""`${each.item}`: what is known before a run, and what a value is for one item of a list."""

from __future__ import annotations

from typing import Any

import pytest
from nika_template_each.plugin import nika_template_sources
from nika_template_each.source import EachSource

from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.plugin import Scope, Values, codes
from nika_core.template import resolve
from nika_core.testing import run_workflow, validate_workflow


def placeholder(path: str, default: Any = MISSING) -> Placeholder:
    return Placeholder("each", tuple(path.split(".")), default, 0, 0, f"${{each.{path}}}")


def problems(path: str, *bindings: str) -> list[tuple[str, str | None]]:
    reported: list[tuple[str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        reported.append((message, hint))

    EachSource().check(placeholder(path), Scope(bindings=frozenset(bindings)), report)
    return reported


def value(path: str, item: Any, key: str | None = None, **values: Any) -> Any:
    bound = {"item": item, "index": 4, "number": 5, "key": key}
    return EachSource().resolve(placeholder(path), Values(bindings={"item": bound}, **values))


def test_its_values_are_not_known_before_a_run_and_name_no_task() -> None:
    (description,) = nika_template_sources()
    assert (description.name, description.known_before_run, description.binding) == ("each", False, "item")
    assert tuple(EachSource().depends_on(placeholder("item"))) == ()


@pytest.mark.parametrize("path", ["item", "item.a.0", "index", "number", "key"])
def test_in_a_list_every_key_is_fine_and_elsewhere_none_is(path: str) -> None:
    assert problems(path, "item") == []
    for bindings in ((), ("round",)):
        ((message, hint),) = problems(path, *bindings)
        assert message == "there is no item here"
        assert hint == 'only a task with a list has items, e.g. `forEach: "{{files}}"`; the list itself has none'


def test_an_unknown_key_is_reported_with_the_known_ones() -> None:
    known = "known here: item, index, number, key; a field of the item is read as ${each.item."
    assert problems("foo", "item") == [("an item has no 'foo'", f"{known}foo}}")]
    assert problems("itme", "item") == [("an item has no 'itme'", f"did you mean 'item'? {known}itme}}")]
    with pytest.raises(TemplateValueError, match="an item has no 'foo'") as caught:
        value("foo", {"foo": 1})
    assert caught.value.code == codes.UNKNOWN_REFERENCE


@pytest.mark.parametrize("path", ["index.x", "number.x", "key.x"])
def test_a_path_into_a_place_or_a_key_is_reported(path: str) -> None:
    key = path.partition(".")[0]
    assert problems(path, "item") == [(f"'{key}' has no 'x'", f"write ${{each.{key}}}, or ${{each.item.x}}")]


def test_a_place_in_the_file_is_reported_outside_of_a_list() -> None:
    (problem,) = validate_workflow('tasks:\n  - id: a\n    set: {x: "is ${each.item.name ?? 1}"}\n')
    assert problem.code == codes.UNKNOWN_REFERENCE
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (3, 18)


@pytest.mark.parametrize("item", [3, "text", None, [1], {"a": 1}, '{"a": 1}'])
def test_the_item_keeps_its_type(item: Any) -> None:
    assert value("item", item) == item


@pytest.mark.parametrize("item", [{"path": {"x": [1, 2]}}, '{"path": {"x": [1, 2]}}'])
def test_an_item_is_read_by_path_also_if_it_is_json_text(item: Any) -> None:
    assert value("item.path.x.1", item) == 2


def test_index_counts_from_zero_and_number_from_one() -> None:
    assert (value("index", "x"), value("number", "x"), value("key", "x", "ada")) == (4, 5, "ada")


@pytest.mark.parametrize(
    ("path", "item", "message"),
    [
        ("item.b", {"a": 1}, "item 5 has no field 'b'"),
        ("item.b", "text", "item 5 is text, not a JSON object or list"),
    ],
)
def test_a_part_that_is_not_there_names_the_item(path: str, item: Any, message: str) -> None:
    with pytest.raises(TemplateValueError, match=message) as caught:
        value(path, item)
    assert caught.value.code == codes.MISSING_VALUE


def test_json_text_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(TemplateValueError) as caught:
        value("item.0", "[[[1]]]", max_depth=2)
    assert caught.value.code == codes.DEPTH_LIMIT


def test_a_list_without_keys_has_the_default() -> None:
    values = Values(bindings={"item": {"item": "x", "index": 0, "number": 1, "key": None}})
    assert resolve(placeholder("key", "none"), values, lambda _: EachSource()) == "none"


def test_without_a_list_there_is_no_value() -> None:
    with pytest.raises(TemplateValueError, match="there is no item here"):
        EachSource().resolve(placeholder("item"), Values(bindings={"round": {}}))


def test_a_task_runs_with_each_item_of_a_list_of_objects_and_json_lines() -> None:
    ran = run_workflow("""
        tasks:
          - id: people
            set: [{name: Ada, born: 1815}, '{"name": "Grace"}']
          - id: lines
            forEach: {items: "{{people}}", key: "${each.item.name}"}
            set: ["${each.key}", "${each.index}", "${each.number}", '${each.item.born ?? "unknown"}']
        """)
    assert ran.output == [["Ada", 0, 1, 1815], ["Grace", 1, 2, "unknown"]]


def test_a_part_that_an_item_does_not_have_fails_that_item() -> None:
    failure = run_workflow("tasks:\n  - {id: a, forEach: [{x: 1}, {y: 2}], set: '${each.item.x}'}\n").task("a").failure
    assert failure is not None
    assert "item 2 has no field 'x'" in failure.message


def test_the_list_itself_has_no_items() -> None:
    (problem,) = validate_workflow("tasks:\n  - {id: a, forEach: '${each.item}', set: '${each.item}'}\n")
    assert "there is no item here" in problem.message
