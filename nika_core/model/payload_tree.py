"""Payloads as trees of mappings and lists, with templates, texts and other scalars as leaves: one place walks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import ForEach, NodePath


def map_leaves(tree: Any, change: Callable[[Any, NodePath], Any], path: NodePath = ()) -> Any:
    """Return the tree with each leaf replaced by `change(leaf, its path)`; parts without a change are the same objects.

    Args:
        path: the path of the tree itself; paths of leaves begin with it.
    """
    kind = type(tree)
    changed: Any = None
    if kind is dict or (kind is not str and isinstance(tree, Mapping)):
        for key, item in tree.items():
            new = map_leaves(item, change, (*path, key))
            if new is not item:
                changed = dict(tree) if changed is None else changed
                changed[key] = new
    elif kind is list or isinstance(tree, list | tuple):
        for index, item in enumerate(tree):
            new = map_leaves(item, change, (*path, index))
            if new is not item:
                changed = list(tree) if changed is None else changed
                changed[index] = new
    else:
        return change(tree, path)
    return tree if changed is None else changed


def templates_in(tree: Any, path: NodePath = ()) -> list[tuple[NodePath, Template]]:
    """Return the templates of a tree with their paths, in the order in which they stand."""
    templates: list[tuple[NodePath, Template]] = []
    _collect_templates(tree, path, templates)
    return templates


def _collect_templates(tree: Any, path: NodePath, templates: list[tuple[NodePath, Template]]) -> None:
    # The exact types first: this is asked of every value of every payload, and asking an abstract class is slow.
    kind = type(tree)
    if kind is Template:
        templates.append((path, tree))
    elif kind is dict or (kind is not str and isinstance(tree, Mapping)):
        for key, item in tree.items():
            if type(item) is not str:
                _collect_templates(item, (*path, key), templates)
    elif kind is list or isinstance(tree, list | tuple):
        for index, item in enumerate(tree):
            if type(item) is not str:
                _collect_templates(item, (*path, index), templates)
    elif isinstance(tree, Template):
        templates.append((path, tree))


def placeholders_in(tree: Any, path: NodePath = ()) -> Iterator[tuple[NodePath, Placeholder]]:
    """Yield each placeholder with the path of its template, in the order in which they stand."""
    for where, template in templates_in(tree, path):
        for placeholder in template.placeholders:
            yield where, placeholder


def list_parts(for_each: ForEach) -> dict[str, Any]:
    """Return the parts of `forEach` in which there may be templates, by key."""
    parts = {"items": for_each.items, "key": for_each.key, "onItemError": {"value": for_each.value}}
    return {name: part for name, part in parts.items() if part is not None}


def keys_in(tree: Any, path: NodePath = ()) -> Iterator[NodePath]:
    """Yield the path of each key of each mapping in a tree."""
    if isinstance(tree, Mapping):
        for key, item in tree.items():
            yield (*path, key)
            if type(item) is not str:
                yield from keys_in(item, (*path, key))
    elif isinstance(tree, list | tuple):
        for index, item in enumerate(tree):
            if type(item) is not str:
                yield from keys_in(item, (*path, index))


def as_written(tree: Any) -> Any:
    """Return a payload, or a part of one, as its author wrote it: each template as its text."""
    return map_leaves(tree, _text_of_template)


def _text_of_template(leaf: Any, _: NodePath) -> Any:
    return leaf.text if isinstance(leaf, Template) else leaf
