"""The check whether a text is the JSON that was asked for. Nothing is repaired here, only reported.

The one place for it: an agent asks its model again by the same rules by which the engine then takes the output.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from nika_core.errors import Category, TaskError
from nika_core.model.json import Json, JsonObject
from nika_core.model.json_text import parse_json
from nika_core.template.pattern_search import is_in

_FENCED: Final = re.compile(r"```[A-Za-z0-9]*[ \t]*\n(.*?)\n?```", re.DOTALL)
_MAX_PROBLEMS: Final = 5
_MAX_SORTED: Final = 100  # errors that are sorted by place
_MAX_LENGTH: Final = 300  # characters of one problem: a validator repeats the value, which may be long


def value_problems(value: Json, schema: JsonObject) -> list[str]:
    """Return what a JSON Schema's validator reports about a value; remote references are not followed.

    Raises TaskError (category config) where the schema itself makes no sense.
    """
    if not schema:
        return []
    import referencing

    try:
        errors = schema_validator(schema).iter_errors(value)
        shown = sorted(islice(errors, _MAX_SORTED), key=_by_place)
    except (referencing.exceptions.Unresolvable, RecursionError) as error:
        raise _bad_schema(f"a reference cannot be followed: {error}") from None
    except (AttributeError, TypeError, ValueError, re.error) as error:  # `$schema: 3`, `pattern: "("`
        raise _bad_schema(str(error)) from None
    return [_clip(f"{error.json_path}: {error.message}") for error in shown[:_MAX_PROBLEMS]]


async def import_validator() -> None:
    """Import the validator's library if it is not yet: off the event loop, since it takes 60 ms."""
    # A module in `sys.modules` may be half imported, and a thread that enters a package by one of its modules may meet
    # another thread that is importing the package. So check for the last name that the package itself defines.
    if not hasattr(sys.modules.get("jsonschema"), "Draft202012Validator"):
        import asyncio

        await asyncio.to_thread(importlib.import_module, "jsonschema")


def _by_place(error: Any) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (-1, str(step)) for step in error.absolute_path]


def schema_validator(schema: JsonObject) -> Any:
    """Return a schema's validator, of `jsonschema`, cached: to check a schema takes fifty times as long as a value.

    It looks for patterns in a bounded time, and follows no references to other documents: `iter_errors` raises
    `referencing.exceptions.Unresolvable` for one.

    Raises:
        TaskError: the schema itself makes no sense (category config).
    """
    try:
        return _cached_validator(json.dumps(schema, sort_keys=True))
    except (TypeError, RecursionError):  # a plugin's schema that is not pure JSON
        return _validator(dict(schema))


def _validator(schema: dict[str, Any]) -> Any:
    import jsonschema
    import referencing
    from jsonschema.validators import validator_for

    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise _bad_schema(error.message) from None
    return _bounded(kind)(schema, registry=referencing.Registry())


@lru_cache(maxsize=8)
def _bounded(kind: Any) -> Any:
    """Return a kind of validator that looks for patterns in a bounded time: the value may come from anybody."""
    from jsonschema import ValidationError, validators

    others = kind.VALIDATORS.get("additionalProperties")

    def pattern(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        if validator.is_type(value, "string") and not is_in(wanted, value):
            yield ValidationError(f"{value!r} does not match {wanted!r}")

    def by_pattern(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        for each, inner in wanted.items() if validator.is_type(value, "object") else ():
            for name in value:
                if is_in(each, name):
                    yield from validator.descend(value[name], inner, path=name, schema_path=each)

    def further(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties", {})
        if patterns and validator.is_type(value, "object"):  # what a pattern covers is no further property
            value = {name: item for name, item in value.items() if not any(is_in(each, name) for each in patterns)}
            schema = {name: item for name, item in schema.items() if name != "patternProperties"}
        yield from others(validator, wanted, value, schema)

    extend: Any = validators.extend
    found = {"pattern": pattern, "patternProperties": by_pattern}
    return extend(kind, found if others is None else {**found, "additionalProperties": further})


@lru_cache(maxsize=64)
def _cached_validator(text: str) -> Any:
    return _validator(json.loads(text))


def json_problem(text: str, schema: JsonObject | None, max_depth: int | None = None) -> str | None:
    """Return why `text` is not the JSON that was asked for, in words for a model; None if it is."""
    try:
        value = parse_json(text, max_depth)
    except ValueError as error:
        return _clip(str(error))
    return "; ".join(value_problems(value, schema or {})) or None


def unfenced(text: str) -> str:
    """Return what stands in a code fence if the whole text is one, else the text."""
    match = _FENCED.fullmatch(text.strip())
    return match.group(1) if match else text


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def _bad_schema(message: str) -> TaskError:
    return TaskError(
        f"the JSON Schema is not valid: {_clip(message)}",
        category=Category.CONFIG,
        hint="correct the schema under `output`; only references within it (`#/...`) are followed",
    )
