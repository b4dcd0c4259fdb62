"""JSON as Python values: what payloads, outputs and template values are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

# Recursive in truth; `Any` inside keeps type checkers fast and authors' code free of casts.
Json: TypeAlias = bool | int | float | str | Sequence[Any] | Mapping[str, Any] | None
JsonObject: TypeAlias = Mapping[str, Any]


def refuse_constant(name: str) -> NoReturn:
    """Raise ValueError: what `json` is given as `parse_constant`, since NaN and Infinity are not JSON."""
    raise ValueError(f"{name} is not a JSON value")


def find_non_json(value: object, max_depth: int = 200) -> str | None:
    """Return what in a value is not JSON, e.g. `the number nan`; None: all of it is."""
    if value is None or isinstance(value, str | bool | int):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"the number {value}"
    if not isinstance(value, Mapping | list | tuple):
        return f"a value of type {type(value).__name__}"
    if not max_depth:
        return "a value that is nested too deeply"
    if isinstance(value, Mapping):
        key = next((key for key in value if not isinstance(key, str)), None)
        if key is not None:
            return f"an object with the key {key!r:.60}"
        value = tuple(value.values())
    return next((problem for item in value if (problem := find_non_json(item, max_depth - 1)) is not None), None)
