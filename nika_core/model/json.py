"""JSON as Python values: what payloads, outputs and template values are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

# Recursive in truth; `Any` inside keeps type checkers fast and authors' code free of casts.
Json: TypeAlias = bool | int | float | str | Sequence[Any] | Mapping[str, Any] | None
JsonObject: TypeAlias = Mapping[str, Any]


def refuse_constant(name: str) -> NoReturn:
    """Raise ValueError: what `json` is given as `parse_constant`, since NaN and Infinity are not JSON."""
    raise ValueError(f"{name} is not a JSON value")
