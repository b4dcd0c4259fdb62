"""What is known of a JSON tree with templates in it before these are filled in, as JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nika_core.model.json import JsonObject
from nika_core.model.template import Placeholder, Template

_TYPES: Final[dict[type[Any], str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _nothing(_: Placeholder) -> JsonObject:
    return {}


def schema_of_tree(tree: Any, of_placeholder: Callable[[Placeholder], JsonObject] = _nothing) -> JsonObject:
    """Return the schema of every value that a tree may have: objects with just these keys, lists, texts, numbers.

    Args:
        tree: JSON in which a text may be a `Template`.
        of_placeholder: returns what is known of the value of a lone placeholder; without it, that may be anything.
    """
    if isinstance(tree, Template):
        return {"type": "string"} if tree.single is None else of_placeholder(tree.single)
    if isinstance(tree, Mapping):
        properties = {str(name): schema_of_tree(value, of_placeholder) for name, value in tree.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if isinstance(tree, list | tuple):
        return {"type": "array"}
    kind = _TYPES.get(type(tree)) or ("string" if isinstance(tree, str) else None)
    return {} if kind is None else {"type": kind}
