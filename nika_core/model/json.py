"""JSON as Python values: what payloads, outputs and template values are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

# Recursive in truth; `Any` inside keeps type checkers fast and authors' code free of casts.
Json: TypeAlias = bool | int | float | str | Sequence[Any] | Mapping[str, Any] | None
JsonObject: TypeAlias = Mapping[str, Any]
