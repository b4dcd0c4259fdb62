"""Scalar types of our own, which need no strictyaml to read a text."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from nika_core.plugin.fields.validator import Validator

_DURATION: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)?\Z")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_WHOLE: Final = re.compile(r"[0-9]{1,12}\Z")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?\Z")


class Scalar(Validator):
    """Accept a text that `parse` can read. Subclass it for a type of your own.

    Attributes:
        expects: what is expected, in a few words, for messages.
    """

    expects: str = "a text"

    def parse(self, text: str) -> Any:
        """Return the value of a text, or raise ValueError with what is wrong."""
        raise NotImplementedError

    def to_text(self, value: Any) -> str:
        """Return the text that `parse` reads as this value; needed for a default."""
        return str(value)

    def _build(self) -> Any:
        from nika_core.plugin.fields.strict_classes import ScalarOf

        return ScalarOf(self)


class Duration(Scalar):
    """Accept seconds: `250ms`, `10s`, `5m`, `1h`, `7d`, or a bare number of seconds."""

    expects = "a duration such as `250ms`, `10s`, `5m`, `1h` or `7d`"

    def __init__(self, *, above_zero: bool = False) -> None:
        self.above_zero = above_zero
        self._known: dict[str, float] = {}

    def parse(self, text: str) -> float:
        known = self._known.get(text)
        if known is not None:
            return known
        found = _DURATION.match(text)
        if found is None:
            raise ValueError(f"expected {self.expects}, found {_shown(text)}")
        seconds = float(found[1]) * _SECONDS[found[2]]
        if self.above_zero and seconds <= 0:
            raise ValueError("expected more than no time at all")
        if len(self._known) < 256:
            self._known[text] = seconds
        return seconds


class PositiveInt(Scalar):
    """Accept a whole number of at least `least`, which is 1 unless it is given."""

    def __init__(self, least: int = 1) -> None:
        self.least = least
        self.expects = f"a whole number of at least {least}"

    def parse(self, text: str) -> int:
        if not _WHOLE.match(text) or int(text) < self.least:
            raise ValueError(f"expected {self.expects}, found {_shown(text)}")
        return int(text)


class BoundedFloat(Scalar):
    """Accept a decimal number within bounds."""

    def __init__(self, least: float = -math.inf, most: float = math.inf) -> None:
        self.least, self.most = least, most
        bounds = [f"of at least {least:g}"] if least > -math.inf else []
        bounds += [f"of at most {most:g}"] if most < math.inf else []
        self.expects = " ".join(["a number", " and ".join(bounds)]).strip()

    def parse(self, text: str) -> float:
        if not _NUMBER.match(text) or not self.least <= float(text) <= self.most:
            raise ValueError(f"expected {self.expects}, found {_shown(text)}")
        return float(text)


class NonEmptyStr(Scalar):
    """Accept a text that is not empty."""

    expects = "a text that is not empty"

    def parse(self, text: str) -> str:
        if not text.strip():
            raise ValueError(f"expected {self.expects}")
        return text


class VariableName(Scalar):
    """Accept the name of an environment variable: ASCII letters, digits and `_`, no digit first."""

    expects = "the name of an environment variable: letters, digits and `_`, no digit first"

    def parse(self, text: str) -> str:
        if not _VARIABLE.match(text):
            raise ValueError(f"expected {self.expects}, found {_shown(text)}")
        return text


class StrictBool(Scalar):
    """Accept `true` or `false`, and no other spelling."""

    expects = "`true` or `false`"

    def parse(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise ValueError(f"expected {self.expects}, found {_shown(text)}")
        return text == "true"

    def to_text(self, value: Any) -> str:
        return "true" if value else "false"


def _shown(text: Any) -> str:
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`" if text else "nothing"
