"""The schema of a server's form: one flat object of texts, numbers, yes or no, and choices. All else is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.plugin import InputSpec, Json, input_spec
from nika_keyword_mcp import wire

MAX_FIELDS: Final = 100
_MAX_NAME: Final = 100  # characters
_TYPES: Final = {"string": "string", "integer": "int", "number": "float", "boolean": "bool"}
_FORMATS: Final = frozenset({"email", "uri", "date", "date-time"})
_TOLD: Final = ("pattern", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")  # shown; the server checks them


class UnusableError(ValueError):
    """A server's request cannot be put to a person; the text says why."""


def form_of(schema: Any) -> dict[str, InputSpec]:
    """Return the fields of a form by name; empty: there is nothing but to accept. Raise UnusableError."""
    if schema is None:
        return {}
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        raise UnusableError("its schema is not one of an object")
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    if not isinstance(properties, Mapping):
        raise UnusableError("`properties` of its schema is not an object")
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise UnusableError("`required` of its schema is not a list of names")
    if len(properties) > MAX_FIELDS:
        raise UnusableError(f"its schema has {len(properties)} fields; at most {MAX_FIELDS} can be asked for")
    missing = [name for name in required if name not in properties]
    if missing:
        raise UnusableError(f"its schema requires `{wire.cut(missing[0])}`, which is not among its fields")
    return {name: _field(name, field, name in required) for name, field in properties.items()}


def _field(name: str, schema: Any, required: bool) -> InputSpec:
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise UnusableError(f"a field's name {wire.cut(name)!r} is empty, too long or not printable")
    if not isinstance(schema, Mapping):
        raise UnusableError(f"the field `{name}` has no schema")
    schema = _without_null(schema)
    many = schema.get("type") == "array"
    values = schema.get("items") if many else schema
    if not isinstance(values, Mapping):
        raise UnusableError(f"the field `{name}` is a list of anything; only a list of choices can be asked for")
    choices, titles = _choices(name, values)
    if many and choices is None:
        raise UnusableError(f"the field `{name}` is a list without choices; only a list of choices can be asked for")
    type_ = values.get("type", "string" if choices is not None else None)
    if not isinstance(type_, str) or type_ not in _TYPES:
        raise UnusableError(
            f"the field `{name}` has the type {wire.cut(str(type_))!r}; "
            "only texts, numbers, yes or no, and choices can be asked for"
        )
    least, most = ("minItems", "maxItems") if many else ("minLength", "maxLength")
    format_ = schema.get("format") if isinstance(schema.get("format"), str) else ""
    fields: dict[str, Any] = {
        "type": _TYPES[type_],
        "required": required,
        "description": _description(schema, choices, titles, "" if format_ in _FORMATS else str(format_)),
        "many": many,
        "shortest": _whole(name, schema, least),
        "longest": _whole(name, schema, most),
    }
    if choices is not None:
        fields["enum"] = choices
    if type_ in ("integer", "number"):
        fields |= {"min": _number(name, schema, "minimum"), "max": _number(name, schema, "maximum")}
    if type_ == "string" and format_ in _FORMATS:
        fields["format"] = format_
    if schema.get("default") is not None:
        fields["default"] = schema["default"]
    try:
        return input_spec(name, fields)
    except ValueError as error:
        raise UnusableError(f"the {getattr(error, 'field', 'schema')} of the field `{name}`: {error}") from None


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a field that may also be null, as many servers write one that need not be given."""
    type_ = schema.get("type")
    if isinstance(type_, list) and len(type_) == 2 and "null" in type_:
        return {**schema, "type": next((one for one in type_ if one != "null"), None)}
    parts = schema.get("anyOf")
    if isinstance(parts, list) and len(parts) == 2 and {"type": "null"} in parts:
        other = next((one for one in parts if one != {"type": "null"}), None)
        if isinstance(other, Mapping):
            return {**{key: value for key, value in schema.items() if key != "anyOf"}, **other}
    return schema


def _choices(name: str, schema: Mapping[str, Any]) -> tuple[list[Json] | None, list[str]]:
    """Return the values of a choice and their titles; None: it is not a choice."""
    titled = schema.get("oneOf", schema.get("anyOf"))
    if titled is not None:
        if not isinstance(titled, list) or not all(isinstance(one, Mapping) and "const" in one for one in titled):
            raise UnusableError(f"the field `{name}` is one of several schemas; only choices can be asked for")
        return [one["const"] for one in titled], [str(one.get("title", "")) for one in titled]
    values = schema.get("enum")
    if values is None:
        return None, []
    if not isinstance(values, list) or not values:
        raise UnusableError(f"the field `{name}` has no choices")
    names = schema.get("enumNames")
    return values, [str(one) for one in names] if isinstance(names, list) and len(names) == len(values) else []


def _description(schema: Mapping[str, Any], choices: list[Json] | None, titles: list[str], format_: str) -> str:
    """Return what a field is, on one line: it must not look like lines of ours."""
    title, description = schema.get("title"), schema.get("description")
    parts = [" ".join(text.split()) for text in (title, description) if isinstance(text, str) and text.strip()]
    meanings = [f"{value} is {title}" for value, title in zip(choices or (), titles, strict=False) if title]
    if meanings:
        parts.append(" ".join(", ".join(meanings).split()))
    if format_:
        parts.append(f"format {wire.cut(format_)}")
    parts += [f"{key} {wire.cut(str(schema[key]))}" for key in _TOLD if key in schema]
    return "; ".join(parts)


def _whole(name: str, schema: Mapping[str, Any], key: str) -> int | None:
    number = _number(name, schema, key)
    if number is not None and (number < 0 or number != int(number)):
        raise UnusableError(f"the {key} of the field `{name}` is not a whole number from 0")
    return None if number is None else int(number)


def _number(name: str, schema: Mapping[str, Any], key: str) -> float | None:
    number = schema.get(key)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UnusableError(f"the {key} of the field `{name}` is not a number")
    return number
