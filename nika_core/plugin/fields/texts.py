"""strictyaml's validators of one text."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nika_core.plugin.fields.validator import Validator


class Str(Validator):
    """Accept any text."""


class Int(Validator):
    """Accept an integer: `3`, `-12`, `1_000`."""


class Float(Validator):
    """Accept a number: `3`, `0.5`, `1e3`."""


class Bool(Validator):
    """Accept `true` or `false`, and also `yes`, `no`, `on`, `off`. `StrictBool` takes the first two only."""


class Url(Validator):
    """Accept a URL."""


class Email(Validator):
    """Accept an e-mail address."""


class Anything(Validator):
    """Accept any text, list or mapping, with a text for each scalar."""

    def _build(self) -> Any:
        return import_module("strictyaml").Any()


class Regex(Validator):
    """Accept a text that the whole of a regular expression matches."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def _build(self) -> Any:
        return import_module("strictyaml").Regex(self.pattern)
