"""What a step returned, as an output: JSON and nothing else, parsed and checked if asked, bounded, nobody else's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.bounded import bound
from nika_core.model.json import Json, JsonObject
from nika_core.model.json_text import TooDeepError, parse_json
from nika_core.model.usage import Usage
from nika_core.model.workflow import OutputSpec
from nika_core.template.json_check import import_validator, value_problems

_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_BREAKS: Final = re.compile(r"\r\n?|\n")
_SHOWN: Final = 200  # characters of a wrong output that its error shows


def fork(value: Any) -> Any:
    """Return the same JSON in new containers, so that a change to it changes nothing else."""
    kind = type(value)
    if kind is dict or isinstance(value, Mapping):  # the exact type first: to ask an abstract class is slow
        return {key: item if type(item) is str else fork(item) for key, item in value.items()}
    if kind is list or isinstance(value, list | tuple):
        return [item if type(item) is str else fork(item) for item in value]
    return value


def checked_json(value: Any, max_depth: int, whose: str) -> Json:
    """Return `value` in containers of its own, checked to be JSON. Raise TaskError (unknown; too deep: validation)."""
    try:
        return _checked(value, max_depth)
    except _TooDeepError:
        raise _too_deep(max_depth) from None
    except TypeError as error:
        message = f"{whose} returned something that is not JSON: {error}"
        raise TaskError(message, category=Category.UNKNOWN, hint="this is a fault of the plugin") from None


def checked_usage(usage: object, whose: str) -> Usage:
    """Return what a step says that it has used. Raise TaskError (unknown) if those are not figures."""
    if not isinstance(usage, Usage):
        wrong = f"{type(usage).__name__} as its usage"
    elif not all(isinstance(cost, Decimal) and cost.is_finite() for cost in (usage.cost_usd, usage.saved_usd)):
        wrong = f"a cost of {usage.cost_usd!r:.40}, of which {usage.saved_usd!r:.40} are saved"
    elif not all(type(count) is int for count in usage.counts):
        wrong = f"{usage.input_tokens!r:.40} and {usage.output_tokens!r:.40} tokens"
    else:
        return usage
    message = f"{whose} returned {wrong}"
    hint = "a Usage has whole numbers of tokens and finite Decimals of US dollars; this is a fault of the plugin"
    raise TaskError(message, category=Category.UNKNOWN, hint=hint)


async def parsed(value: Json, spec: OutputSpec, max_depth: int) -> Json:
    """Return what `output: {format, schema}` asks for. Raise TaskError (validation)."""
    if spec.format == "lines" and isinstance(value, str):
        return [line for line in _BREAKS.split(value) if line.strip()]
    if spec.format != "json":
        return value
    if isinstance(value, str):
        value = _loads(value, max_depth)
    if spec.schema:
        await _fits(value, spec.schema)
    return value


def bounded_output(value: Json, max_bytes: int | None, original_bytes: int | None) -> tuple[Json, bool]:
    """Return the value and whether it was cut. JSON that is too large is cut as text: a part of it is not JSON."""
    text = value if isinstance(value, str) else None
    if text is None:
        if value is None or isinstance(value, bool | float) or max_bytes is None:
            return value, False
        try:
            text = _compact(value)
        except ValueError:  # an integer with thousands of digits
            return "[a number that is too long to be written]", True
        already_cut = original_bytes is not None and original_bytes > max_bytes  # by the step, inside the value
        if len(text) * 4 <= max_bytes:
            return value, already_cut
        cut = bound(text, max_bytes)
        return (cut.text, True) if cut.truncated else (value, already_cut)
    if original_bytes is None and (max_bytes is None or len(text) * 4 <= max_bytes):
        return text, False
    cut = bound(text, max_bytes, original_bytes)
    return cut.text, cut.truncated


def as_text(value: Json) -> str:
    """Return a value as a template or a model has it: text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else _compact(value)


class _TooDeepError(Exception):
    pass


def _checked(value: Any, depth: int) -> Json:
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _sound(value)
    if value is None or kind is bool or kind is int:
        return value  # type: ignore[no-any-return]  # its exact type is known
    if kind is float:
        if math.isfinite(value):
            return float(value)
        raise TypeError(f"the number {value}")
    if isinstance(value, Mapping):
        if not depth:
            raise _TooDeepError
        found = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"an object with the key {key!r:.100}")
            found[_sound(key)] = _checked(item, depth - 1)
        return found
    if isinstance(value, list | tuple):
        if not depth:
            raise _TooDeepError
        return [_checked(item, depth - 1) for item in value]
    if isinstance(value, str):  # subclasses, e.g. an enum's members
        return _sound(str.__str__(value))
    for plain in (int, float):
        if isinstance(value, plain):
            return _checked(plain(value), depth)
    raise TypeError(f"a value of type {kind.__name__}")


def _sound(text: str) -> str:
    """Half of a surrogate pair cannot be written anywhere; it becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _loads(text: str, max_depth: int) -> Json:
    try:
        value = parse_json(text, max_depth)
    except TooDeepError:
        raise _too_deep(max_depth) from None
    except ValueError as error:
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        message = f"the output is not the JSON that is asked for ({error}): {shown}"
        hint = "say in the prompt that nothing but JSON may be answered, or leave out `output: {format: json}`"
        raise TaskError(message, category=Category.VALIDATION, hint=hint, output=text) from None
    return checked_json(value, max_depth, "the output")


def _too_deep(max_depth: int) -> TaskError:
    message = f"the output is nested deeper than {max_depth} levels"
    return TaskError(
        message, category=Category.VALIDATION, code=codes.DEPTH_LIMIT, hint="`nika limits` shows the limit"
    )


async def _fits(value: Json, schema: JsonObject) -> None:
    """Check against a JSON Schema. References are followed inside the schema only: nothing is fetched."""
    await import_validator()
    problems = value_problems(value, schema)
    if problems:
        message = f"the output does not fit its schema: {'; '.join(problems)}"
        hint = "the schema is the task's `output.schema`"
        raise TaskError(message, category=Category.VALIDATION, hint=hint, output=value)
