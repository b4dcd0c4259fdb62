"""JSON as text, by the rule for every JSON that Nika is given: strict, and never deeper than its readers can go."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, Final

from nika_core.model.json import Json, JsonObject, refuse_constant
from nika_core.model.path import nesting


class TooDeepError(ValueError):
    """JSON that is nested deeper than it may be."""


class JsonSyntaxError(ValueError):
    """Text that is not JSON at `line` and `column`."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"not JSON: {reason} at line {line}, column {column}")
        self.reason = reason
        self.line = line
        self.column = column


def parse_json(text: str, max_depth: int | None = None) -> Json:
    """Return strict JSON: no NaN, no infinite number, no duplicate keys. Raises ValueError with a sentence."""
    try:
        value: Json = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.msg, *_place(text, error.pos)) from None
    except RecursionError:
        raise TooDeepError("nested too deeply") from None
    except ValueError as error:  # a sentence of ours, or Python's about a number with thousands of digits
        raise ValueError(str(error).partition(";")[0]) from None
    if max_depth is not None and nesting(value, max_depth) > max_depth:
        raise TooDeepError(f"nested deeper than {max_depth} levels")
    return value


def _place(text: str, position: int) -> tuple[int, int]:
    """Return the line and column of a position. Editors end a line also at a carriage return, and `json` does not."""
    before = text[:position].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


_DECODER: Final = json.JSONDecoder(
    parse_constant=refuse_constant, parse_float=_finite, object_pairs_hook=_no_duplicates
)


def json_instruction(schema: JsonObject | None) -> str:
    """Return the instruction for a model that has no native way to answer in a schema."""
    if not schema:
        return "Answer with one JSON value and nothing else: no explanation, no code fence."
    return (
        "Answer with one JSON value that fits the following JSON Schema, and nothing else: no explanation, no code "
        f"fence.\n{json.dumps(schema, ensure_ascii=False)}"
    )
