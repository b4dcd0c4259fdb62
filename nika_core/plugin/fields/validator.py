"""What every validator of `nika_core.plugin.fields` is: a description of one of strictyaml's."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Validator:
    """Describe what a value has to be. `a | b` accepts what either of them accepts."""

    _strict: Any = None

    def __or__(self, other: Validator) -> Validator:
        return Either(self, other)

    def __repr__(self) -> str:
        return f"fields.{type(self).__name__}"

    def strict(self) -> Any:
        """Return strictyaml's validator for this, built when it is first needed."""
        if self._strict is None:
            self._strict = self._build()
        return self._strict

    def _build(self) -> Any:
        """Build it from the class of the same name in strictyaml, without arguments."""
        return getattr(import_module("strictyaml"), type(self).__name__)()


class Either(Validator):
    """What `|` makes."""

    def __init__(self, first: Validator, second: Validator) -> None:
        self.first, self.second = first, second

    def __repr__(self) -> str:
        return f"{self.first!r} | {self.second!r}"

    def _build(self) -> Any:
        return strict(self.first) | strict(self.second)


def strict(validator: Any) -> Any:
    """Return strictyaml's validator for one of these; one of strictyaml's own is returned as it is."""
    return validator.strict() if isinstance(validator, Validator) else validator
