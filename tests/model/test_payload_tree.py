"""Payload trees: one walk, for whoever reads or changes their leaves."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from nika_core.model.payload_tree import as_written, keys_in, map_leaves, placeholders_in, templates_in
from nika_core.model.template import Template
from nika_core.template import compile_template

TREE: dict[str, Any] = {
    "x": compile_template("{{a}} {{b}}"),
    "y": [{"z": compile_template("${input.c}")}, "plain"],
    "n": 3,
    "nothing": None,
}


def test_placeholders_come_in_the_order_in_which_they_stand_with_the_paths_of_their_templates():
    assert [(path, placeholder.text) for path, placeholder in placeholders_in(TREE)] == [
        (("x",), "{{a}}"),
        (("x",), "{{b}}"),
        (("y", 0, "z"), "${input.c}"),
    ]


def test_paths_begin_with_where_the_tree_itself_stands():
    assert [path for path, _ in templates_in(compile_template("{{a}}"), ("agent", "systemPrompt"))] == [
        ("agent", "systemPrompt")
    ]
    assert list(keys_in([{"a": {"b": 1}}], ("json",))) == [("json", 0, "a"), ("json", 0, "a", "b")]


def test_each_leaf_is_changed_once_and_knows_its_path():
    seen: list[Any] = []

    def upper(leaf: Any, path: Any) -> Any:
        seen.append(path)
        return leaf.upper() if isinstance(leaf, str) else leaf

    assert map_leaves({"a": ["b", 1], "c": ("d",)}, upper, ("f",)) == {"a": ["B", 1], "c": ["D"]}
    assert seen == [("f", "a", 0), ("f", "a", 1), ("f", "c", 0)]


def test_parts_without_a_change_are_the_same_objects_and_the_tree_itself_is_never_changed():
    tree = {"same": ["a"], "other": ["b"]}
    changed = map_leaves(tree, lambda leaf, _: "c" if leaf == "b" else leaf)
    assert changed == {"same": ["a"], "other": ["c"]}
    assert changed["same"] is tree["same"]
    assert tree["other"] == ["b"]
    assert map_leaves(tree, lambda leaf, _: leaf) is tree


def test_a_read_only_mapping_is_a_tree_as_well():
    tree = MappingProxyType({"a": compile_template("{{b}}")})
    assert as_written(tree) == {"a": "{{b}}"}
    assert [path for path, _ in placeholders_in(tree)] == [("a",)]


def test_what_its_author_wrote_has_no_templates_any_more():
    assert as_written(TREE) == {"x": "{{a}} {{b}}", "y": [{"z": "${input.c}"}, "plain"], "n": 3, "nothing": None}
    assert isinstance(TREE["x"], Template)
