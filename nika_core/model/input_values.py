"""Values of declared types: what an input of a workflow, or a field of a question's form, may be given."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from nika_core.model.bounded import shorten
from nika_core.model.formats import FORMAT_NAMES, has_format
from nika_core.model.json import Json, JsonObject
from nika_core.model.json_text import JsonSyntaxError, parse_json
from nika_core.model.path import nesting
from nika_core.model.workflow import InputSpec
from nika_core.values import replace

_EXPECTED: Final = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "`true` or `false`",
    "json": "JSON",
}
INPUT_TYPES: Final = tuple(_EXPECTED)


def read_value(type_: str, value: Json | str, max_depth: int | None = None) -> Json:
    """Return a given value as the declared type. Raises ValueError with what was expected and found."""
    typed: Json = _read(type_, value)
    if max_depth is not None and nesting(typed, max_depth) > max_depth:
        raise ValueError(f"nested deeper than {max_depth} levels")
    return typed


def read_field(spec: InputSpec, value: Json, max_depth: int | None = None) -> Json:
    """Return a given value as what is declared, and allowed. Raise ValueError with what was expected and found.

    A text in place of a list is the list as JSON, or its values with commas between them.
    """
    if not spec.many:
        return within(spec, read_value(spec.type, value, max_depth))
    values: Json = value
    if isinstance(value, str):
        values = [part.strip() for part in value.split(",") if part.strip()]
        if value.lstrip().startswith("["):
            values = read_value("json", value, max_depth)
    if not isinstance(values, list | tuple):
        raise ValueError(f"expected a list, found {shown_value(value)}")
    chosen = [
        within(replace(spec, many=False, shortest=None, longest=None), read_value(spec.type, each, max_depth))
        for each in values
    ]
    if len(set(map(compact, chosen))) < len(chosen):
        raise ValueError("expected each value once")
    _check_length(spec, len(chosen), "values")
    return chosen


def within(spec: InputSpec, value: Json) -> Json:
    """Return a value that the input may have. Raises ValueError with what is allowed."""
    if spec.enum is not None and not any(
        value == each and isinstance(value, bool) is isinstance(each, bool) for each in spec.enum
    ):
        raise ValueError(f"expected one of {', '.join(map(shown_value, spec.enum))}, found {shown_value(value)}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if spec.least is not None and value < spec.least:
            raise ValueError(f"expected at least {_number_text(spec.least)}, found {shown_value(value)}")
        if spec.most is not None and value > spec.most:
            raise ValueError(f"expected at most {_number_text(spec.most)}, found {shown_value(value)}")
    if isinstance(value, str) and not spec.many:
        _check_length(spec, len(value), "characters")
        if not has_format(value, spec.format):
            raise ValueError(f"expected {FORMAT_NAMES[spec.format]}, found {shown_value(value)}")
    return value


def _number_text(number: float) -> str:
    try:
        return f"{number:g}"
    except OverflowError:  # a whole number may have any length
        return shorten(str(number), 60)


def _check_length(spec: InputSpec, length: int, what: str) -> None:
    if spec.shortest is not None and length < spec.shortest:
        raise ValueError(f"expected at least {spec.shortest} {what}, found {length}")
    if spec.longest is not None and length > spec.longest:
        raise ValueError(f"expected at most {spec.longest} {what}, found {length}")


def _read(type_: str, value: Any) -> Any:
    wrong = ValueError(f"expected {_EXPECTED[type_]}, found {shown_value(value)}")
    if type_ == "json":
        if not isinstance(value, str):
            return value
        try:
            return parse_json(value)
        except JsonSyntaxError as error:
            where = f"{error.reason} at line {error.line}, column {error.column}"
            raise ValueError(f"expected JSON, found {shown_value(value)}: {where}") from None
        except ValueError as error:
            raise ValueError(f"expected JSON, found {shown_value(value)}: {error}") from None
    if type_ == "string":
        if isinstance(value, str):
            return value
        raise wrong
    if type_ == "bool":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise wrong
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong
    try:
        if type_ == "int":
            if isinstance(value, float) and not value.is_integer():
                raise wrong
            return int(value)
        number = float(value)
    except (ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(number):
        raise wrong
    return number


def shown_value(value: Any) -> str:
    """Return a value for a message, cut if it is long."""
    return f"`{shorten(value if isinstance(value, str) else compact(value), 60)}`"


def compact(value: Any) -> str:
    """Return a value as JSON without white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class DeclarationError(ValueError):
    """A field of a declared input makes no sense. `field` is its key."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


@contextmanager
def _of_field(field: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DeclarationError(str(error), field) from None


def input_spec(
    name: str, fields: Mapping[str, Any], read: Callable[[str, Any], Json] = read_value, *, checked: bool = True
) -> InputSpec:
    """Return a declared input, or a field of a form.

    Args:
        fields: what is declared of it, as `fields.Inputs` returns it.
        read: makes a value of a type of what is written as `default` or in `enum`.
        checked: whether a default that is not allowed is an error; one that was masked may not be allowed.

    Raises:
        DeclarationError: a field makes no sense, e.g. a default of another type.
    """
    if "=" in name:
        raise DeclarationError("it contains `=`, and `-i NAME=VALUE` could never set it", "name")
    type_ = fields.get("type") or "string"
    has_default = "default" in fields
    value: Json = None
    if has_default:
        with _of_field("default"):
            value = fields["default"] if fields.get("many") else read(type_, fields["default"])
    required = fields.get("required")
    with _of_field("enum"):
        allowed = _allowed(type_, fields.get("enum"), read)
    spec = InputSpec(
        name,
        type_,
        fields.get("description") or "",
        value,
        has_default,
        (not has_default) if required is None else required,
        allowed,
        fields.get("min"),
        fields.get("max"),
        bool(fields.get("many")),
        fields.get("shortest"),
        fields.get("longest"),
        fields.get("format") or "",
    )
    if spec.format and spec.format not in FORMAT_NAMES:
        raise DeclarationError(f"there is no format `{spec.format}`; there are {', '.join(FORMAT_NAMES)}", "format")
    if (spec.least is not None or spec.most is not None) and type_ not in ("int", "float"):
        field = "max" if spec.least is None else "min"
        raise DeclarationError(f"`min` and `max` are for int and float, and its type is {type_}", field)
    if checked:
        _check_possible(spec)
    if has_default and checked:
        with _of_field("default"):
            return replace(spec, default=read_field(spec, value) if spec.many else within(spec, value))
    return spec


def _check_possible(spec: InputSpec) -> None:
    """Raise DeclarationError if no value is allowed."""
    if spec.least is not None and spec.most is not None and spec.least > spec.most:
        least, most = _number_text(spec.least), _number_text(spec.most)
        raise DeclarationError(f"no number is at least {least} and at most {most}", "max")
    if spec.shortest is not None and spec.longest is not None and spec.shortest > spec.longest:
        raise DeclarationError(f"nothing has at least {spec.shortest} and at most {spec.longest} parts", "longest")
    one = replace(spec, many=False, shortest=None, longest=None, format="")
    for value in spec.enum or ():
        with _of_field("enum"):
            within(one, value)


def _allowed(type_: str, values: Any, read: Callable[[str, Any], Json]) -> tuple[Json, ...] | None:
    if values is None:
        return None
    if not isinstance(values, list | tuple) or not values:
        raise ValueError("`enum` is a list of the values that are allowed")
    return tuple(read(type_, value) for value in values)


def input_json(spec: InputSpec) -> JsonObject:
    """Return a declared input as JSON; `input_spec` reads it."""
    found: dict[str, Any] = {"type": spec.type, "required": spec.required}
    if spec.description:
        found["description"] = spec.description
    if spec.has_default:
        found["default"] = spec.default
    if spec.enum is not None:
        found["enum"] = list(spec.enum)
    bounds = (("min", spec.least), ("max", spec.most), ("shortest", spec.shortest), ("longest", spec.longest))
    found |= {name: bound for name, bound in bounds if bound is not None}
    if spec.many:
        found["many"] = True
    if spec.format:
        found["format"] = spec.format
    return found
