"""`${each.item}`: the item of a list for which a task runs, or a path into it; and the item's place and key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import (
    Binding,
    Json,
    JsonObject,
    Placeholder,
    Scope,
    SourceReport,
    TemplateValueError,
    TypedSource,
    Values,
    codes,
    nearest,
    read_path,
    schema_at,
    why_not_there,
)

NAME: Final = "each"
ITEM: Final = "item"
KEYS: Final = (ITEM, "index", "number", "key")
_OUTSIDE: Final = "there is no item here"


class EachSource(TypedSource):
    """Items of lists. The first step of the path is one of `KEYS`."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        """Report an unknown key, a path into what has none, and a task that goes through no list."""
        key, *path = placeholder.path
        if key not in KEYS:
            report(_unknown(key), hint=_which(key))
        elif path and key != ITEM:
            report(f"'{key}' has no '{path[0]}'", hint=f"write ${{{NAME}.{key}}}, or ${{{NAME}.{ITEM}.{path[0]}}}")
        elif Binding.ITEM not in scope.bindings:
            report(
                _OUTSIDE,
                hint='only a task with a list has items, e.g. `forEach: "{{files}}"`; the list itself has none',
            )
        elif path and (schema := scope.known.get(Binding.ITEM)) is not None and not placeholder.is_optional:
            missing = why_not_there(path, schema)
            if missing:
                report(f"what is known of the items {missing.reason}", hint=missing.hint.partition(";")[0])

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject | None:
        """Return what is known of the item, or of the part of it that the path leads to."""
        key, *path = placeholder.path
        schema = scope.known.get(Binding.ITEM)
        return None if key != ITEM or schema is None else schema_at(path, schema)

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        """Return nothing: the list, not the item, depends on tasks."""
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        """Return the value. Raise TemplateValueError if there is none."""
        key, *path = placeholder.path
        if key not in KEYS:
            raise TemplateValueError(_unknown(key), code=codes.UNKNOWN_REFERENCE, hint=_which(key))
        bound = values.bindings.get(Binding.ITEM)
        if not isinstance(bound, dict):
            raise TemplateValueError(_OUTSIDE)
        number = bound.get("number")
        subject = f"item {number}" if key == ITEM else f"the {key} of item {number}"
        return read_path(bound.get(key), path, max_depth=values.max_depth, subject=subject)


def _unknown(key: str) -> str:
    return f"an item has no '{key}'"


def _which(key: str) -> str:
    near = nearest(key, KEYS)
    known = f"known here: {', '.join(KEYS)}; a field of the item is read as ${{{NAME}.{ITEM}.{key}}}"
    return f"did you mean '{near}'? {known}" if near else known
