"""A compiled template: literal text and placeholders. Compiled by `nika_core.template`, a value everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nika_core.model.json import Json


class _Missing(Enum):
    MISSING = "MISSING"


MISSING: Final = _Missing.MISSING


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{{fetch.items.0}}` is source `task`, path `("fetch", "items", "0")`; `${env.HOME}` is `env`, `("HOME",)`.

    `default` is the JSON literal after `??`, or MISSING. `start` and `end` are character offsets in the text.
    """

    source: str
    path: tuple[str, ...]
    default: Json | _Missing
    start: int
    end: int
    text: str  # as the author wrote it, braces included

    @property
    def has_default(self) -> bool:
        return self.default is not MISSING


@dataclass(frozen=True, slots=True)
class Template:
    """`parts` alternates freely between literal text (escapes already undone) and placeholders."""

    text: str
    parts: tuple[str | Placeholder, ...]

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        return tuple(part for part in self.parts if isinstance(part, Placeholder))

    @property
    def single(self) -> Placeholder | None:
        """The placeholder, where the whole text is nothing but one."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Placeholder):
            return self.parts[0]
        return None
