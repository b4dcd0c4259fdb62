"""Whether a text is the JSON that was asked for. Nothing is mended here, only told."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from nika_core.errors import Category, TaskError
from nika_core.model.json import Json, JsonObject
from nika_core.model.path import nesting

_FENCED: Final = re.compile(r"```[A-Za-z0-9]*[ \t]*\n(.*?)\n?```", re.DOTALL)
_MAX_PROBLEMS: Final = 5
_MAX_LENGTH: Final = 300  # characters of one problem: a validator repeats the value, which may be long


def parse_json(text: str, max_depth: int | None = None) -> Json:
    """Strict JSON: no NaN, no duplicate keys. Raises ValueError with a sentence."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if max_depth is not None and nesting(value, max_depth) > max_depth:
        raise ValueError(f"nested deeper than {max_depth} levels")
    return value


def value_problems(value: Json, schema: JsonObject) -> list[str]:
    """What a JSON Schema's validator says against a value; remote references are not followed.

    Raises TaskError (category config) where the schema itself makes no sense.
    """
    if not schema:
        return []
    import jsonschema  # 60 ms that only those pay who ask for a schema
    import referencing
    from jsonschema.validators import validator_for

    try:
        kind = validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(dict(schema))
        validator = kind(dict(schema), registry=referencing.Registry())
        found = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
    except jsonschema.SchemaError as error:
        raise _bad_schema(error.message) from None
    except (referencing.exceptions.Unresolvable, RecursionError) as error:
        raise _bad_schema(f"a reference cannot be followed: {error}") from None
    except (AttributeError, TypeError, ValueError, re.error) as error:  # `$schema: 3`, `pattern: "("`
        raise _bad_schema(str(error)) from None
    return [_clip(f"{error.json_path}: {error.message}") for error in found[:_MAX_PROBLEMS]]


def json_problem(text: str, schema: JsonObject | None, max_depth: int | None = None) -> str | None:
    """Why `text` is not the JSON that was asked for, in words for a model; None when it is."""
    try:
        value = parse_json(text, max_depth)
    except ValueError as error:
        return _clip(str(error))
    return "; ".join(value_problems(value, schema or {})) or None


def unfenced(text: str) -> str:
    """What stands in a code fence, where the whole text is one; else the text."""
    match = _FENCED.fullmatch(text.strip())
    return match.group(1) if match else text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def _bad_schema(message: str) -> TaskError:
    return TaskError(
        f"the JSON Schema makes no sense: {_clip(message)}",
        category=Category.CONFIG,
        hint="correct the schema under `output`; only references within it (`#/...`) are followed",
    )
