"""JSON Schemas of the kind that people write, known to be ones without a validator.

The library that checks a schema against its draft takes 60 ms to import and two for each schema: more than everything
else about a file. What is accepted here it accepts too (held by a test); anything else it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_TYPES: Final = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def is_plain_schema(node: Any) -> bool:
    """Return whether it is certainly valid in every draft from 6 to 2020-12."""
    if type(node) is bool:
        return True
    if type(node) is not dict:
        return False
    for key, value in node.items():
        fits = _FITS.get(key)
        if fits is None or not fits(value):
            return False
    return True


def _type(value: Any) -> bool:
    if type(value) is str:
        return value in _TYPES
    return _names(value) and bool(value) and _TYPES.issuperset(value)


def _names(value: Any) -> bool:
    return type(value) is list and all(type(name) is str for name in value) and len(set(value)) == len(value)


def _properties(value: Any) -> bool:
    return type(value) is dict and all(map(is_plain_schema, value.values()))


def _schemas(value: Any) -> bool:
    return type(value) is list and bool(value) and all(map(is_plain_schema, value))


def _texts(value: Any) -> bool:
    return _names(value) and bool(value)  # other values of an enumeration: the drafts differ


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "type": _type,
    "required": _names,
    "properties": _properties,
    "items": is_plain_schema,
    "additionalProperties": is_plain_schema,
    "not": is_plain_schema,
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _schemas),
    **dict.fromkeys(("title", "description", "format"), lambda value: type(value) is str),
    "enum": _texts,
    **dict.fromkeys(("minimum", "maximum"), lambda value: type(value) is int or type(value) is float),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        _count,
    ),
    "uniqueItems": lambda value: type(value) is bool,
}
