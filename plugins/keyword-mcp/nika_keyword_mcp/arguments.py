"""A tool's arguments against the tool's own schema: texts become what it asks for, the rest is said."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import Json, JsonObject, TaskError
from nika_core.toolbox.agent import schema_validator

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\Z")
_DEPTH: Final = 50


def coerced(value: Json, schema: Any, root: JsonObject | None = None, depth: int = 0) -> Json:
    """Return `value` with its texts as the numbers, booleans, lists and objects that `schema` asks for.

    A text stays where the schema takes a text; a number or a boolean becomes a text only where nothing else is taken.
    What fits nothing stays as it is, for the validator to name.
    """
    root = root if root is not None else schema
    if depth > _DEPTH:
        return value
    options = list(_options(schema, root, depth))
    types = {kind for option in options for kind in _types(option)}
    if isinstance(value, str):
        value = value if not types or "string" in types else _from_text(value, types)
    elif isinstance(value, bool | int | float) and types == {"string"}:
        value = json.dumps(value)
    if isinstance(value, Mapping):
        for option in options:
            properties = option.get("properties")
            if isinstance(properties, Mapping):
                rest = option.get("additionalProperties")
                return {k: coerced(v, properties.get(k, rest), root, depth + 1) for k, v in value.items()}
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for option in options:
            if isinstance(option.get("items"), Mapping):
                return [coerced(item, option["items"], root, depth + 1) for item in value]
    return value


def _options(schema: Any, root: JsonObject, depth: int) -> Iterator[JsonObject]:
    """Return the schema, its local reference followed, and what it allows by anyOf and oneOf."""
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found: Any = root
        for part in reference[2:].split("/"):
            found = found.get(part) if isinstance(found, Mapping) else None
        yield from _options(found, root, depth + 1)
    yield schema
    for word in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(word)
        if isinstance(choices, list):
            for choice in choices:
                yield from _options(choice, root, depth + 1)


def _types(schema: JsonObject) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    return [one for one in kind if isinstance(one, str)] if isinstance(kind, list) else []


def _from_text(text: str, types: set[str]) -> Json:
    stripped = text.strip()
    if "integer" in types and _INTEGER.match(stripped):
        return int(stripped)
    if "number" in types and _NUMBER.match(stripped):
        number = float(stripped)
        if math.isfinite(number):
            return int(stripped) if _INTEGER.match(stripped) else number
    if "boolean" in types and stripped in ("true", "false"):
        return stripped == "true"
    if "null" in types and stripped in ("", "null"):
        return None
    if (stripped.startswith("[") and "array" in types) or (stripped.startswith("{") and "object" in types):
        try:
            found: Json = json.loads(stripped)
        except (ValueError, RecursionError):
            return text
        return found
    return text


def wrong(value: Json, schema: JsonObject, name: str = "args") -> list[str]:
    """Return what is wrong with a value that is called `name`, at most three things. Imports jsonschema.

    A schema that is not a schema, or refers to something outside itself, checks nothing: the server does.
    """
    from referencing.exceptions import Unresolvable

    try:
        validator = schema_validator(schema)
        errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
    except (TaskError, Unresolvable, RecursionError, re.error):
        return []
    return [_sentence(error, schema, name) for error in errors[:3]]


def _sentence(error: Any, schema: JsonObject, name: str) -> str:
    path = ".".join([name, *map(str, error.path)])
    message = error.message if len(error.message) <= 200 else error.message[:199] + "…"
    if error.validator in ("additionalProperties", "required") and not error.path:
        known = ", ".join(schema.get("properties") or {})
        message += f" (it has: {known})" if known else ""
    return f"{path}: {message}"
