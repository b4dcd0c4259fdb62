"""JSON in YAML: plain scalars that are exactly a JSON number, true, false or null have that type; others are texts."""

from __future__ import annotations

import json
from typing import Any, Final

from nika_core.document.positions import Ghost

_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_STARTS: Final = frozenset("-0123456789tfn")


def typed_scalar(text: str) -> Any:
    """The JSON value of a plain scalar that is canonical JSON (`3`, `0.5`), else the text (`3.10`, `1e3`, `NO`).

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
    """A node as JSON, by the rule above."""
    if type(node) is dict:
        return {key: typed_tree(value) for key, value in node.items() if type(key) is not Ghost}
    if type(node) is list:
        return [typed_tree(value) for value in node]
    return typed_scalar(node)


def plain_tree(node: Any) -> Any:
    """A node with every scalar a text: the same object where nothing has to change."""
    if type(node) is str:
        return node
    if type(node) is dict:
        new = {key: plain_tree(value) for key, value in node.items() if type(key) is not Ghost}
        same = len(new) == len(node) and all(new[key] is value for key, value in node.items())
        return node if same else new
    if type(node) is list:
        items = [plain_tree(value) for value in node]
        return items if any(new is not value for new, value in zip(items, node, strict=True)) else node
    return str(node)
