"""What is known of the items of a list before it is made, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nika_core.document.checks.check_context import Context
from nika_core.model.json import JsonObject
from nika_core.model.template import Placeholder, Template
from nika_core.model.workflow import PayloadValue, Task

_KEEP_ITEMS: Final = frozenset({"compact", "unique", "where"})  # pipes that leave out items, and change none


def item_schema(context: Context, task: Task) -> JsonObject | None:
    """Return what is known of each item of a task's list; None: nothing, or it has no list."""
    if task.for_each is None:
        return None
    items = task.for_each.items
    if isinstance(items, Template):
        return None if items.single is None else _of_placeholder(context, items.single)
    return _of_written(items)


def _of_placeholder(context: Context, placeholder: Placeholder) -> JsonObject | None:
    if placeholder.is_optional or any(pipe.name not in _KEEP_ITEMS for pipe in placeholder.pipes):
        return None
    schema = context.known_schema(placeholder)
    if schema is None or schema.get("type") != "array" or "prefixItems" in schema:
        return None
    found = schema.get("items")
    return found if isinstance(found, Mapping) else None


def _of_written(items: PayloadValue) -> JsonObject | None:
    """Return the keys that at least one of the items has, if all are objects."""
    if not isinstance(items, list | tuple) or not all(isinstance(item, Mapping) for item in items):
        return None
    names = {name for item in items if isinstance(item, Mapping) for name in item}
    return {"type": "object", "properties": {name: {} for name in sorted(names)}, "additionalProperties": False}
