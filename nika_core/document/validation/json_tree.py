"""JSON in YAML: plain scalars that are exactly a JSON number, true, false or null have that type; others are texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from nika_core.document.yaml.source_map import RefusedKey

_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_STARTS: Final = frozenset("-0123456789tfn")


def typed_scalar(text: str) -> Any:
    """Return the JSON value of a plain scalar that is canonical JSON (`3`, `0.5`), else the text (`3.10`, `NO`).

    Quoted scalars that look like JSON are `Quoted`, a subclass of `str`, and become plain texts.
    """
    if type(text) is not str:
        return str(text)
    if not text or text[0] not in _STARTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "tfn" or len(text) > 400:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if json.dumps(value) == text else text


def typed_tree(node: Any) -> Any:
    """Return a node as JSON, by the rule above; the same object if nothing has to change."""
    return _changed(node, typed_scalar)


def plain_tree(node: Any) -> Any:
    """Return a node with every scalar a plain text; the same object if nothing has to change."""
    return _changed(node, _plain)


def _plain(text: str) -> str:
    return text if type(text) is str else str(text)


def _changed(node: Any, scalar: Callable[[str], Any]) -> Any:
    """Copy only what changes: a document may hold a million values."""
    if type(node) is dict:
        made: dict[Any, Any] | None = None
        for key, value in node.items():
            kind = type(value)
            new = _changed(value, scalar) if kind is dict or kind is list else scalar(value)
            if new is not value or type(key) is RefusedKey:
                if made is None:
                    made = dict(node)
                made[key] = new
        if made is None:
            return node
        return {key: value for key, value in made.items() if type(key) is not RefusedKey}
    if type(node) is list:
        items: list[Any] | None = None
        for index, value in enumerate(node):
            kind = type(value)
            new = _changed(value, scalar) if kind is dict or kind is list else scalar(value)
            if new is not value:
                if items is None:
                    items = list(node)
                items[index] = new
        return node if items is None else items
    return scalar(node)
