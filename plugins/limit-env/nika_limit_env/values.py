"""The texts that variables hold, as numbers: counts, sizes, durations, amounts of money."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from math import inf
from typing import Final, NamedTuple

from nika_core.plugin import Unit, UsageError, codes

_NUMBER: Final = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-z]*)\Z")
_SIZES: Final[Mapping[str, int]] = {"": 1, "b": 1, "bytes": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_DURATIONS: Final[Mapping[str, float]] = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LARGEST: Final = 2**53  # a whole number beyond it is no longer exact as a float

_FORMS: Final[Mapping[Unit, str]] = {
    Unit.COUNT: "a whole number",
    Unit.TOKENS: "a whole number",
    Unit.USD: "an amount in US dollars such as 2.50",
    Unit.BYTES: "a size such as 512KB, 10MB, 1GB, or a number of bytes",
    Unit.SECONDS: "a duration such as 250ms, 10s, 5m, 1h, 7d, or a number of seconds",
}


class Range(NamedTuple):
    """What a value may be, ends included; `above` excludes the lower end itself."""

    lowest: float = 0
    highest: float = _LARGEST
    above: bool = False
    why: str = ""  # one sentence, when the bound needs an explanation

    def why_not(self, value: float) -> str | None:
        """Return what is wrong with `value`, or None."""
        if self.above and value <= self.lowest:
            return f"more than {self.lowest:g}"
        if value < self.lowest:
            return f"at least {self.lowest:g}"
        if value > self.highest:
            return f"at most {self.highest:.15g}"
        return None


def parse(name: str, text: str, unit: Unit, allowed: Range) -> float:
    """Return the value of variable `name`, in bytes, seconds, US dollars or as a count.

    Raises:
        UsageError: NIKA-067, with the variable, its value and the form that was expected.
    """
    value = _number(text.strip().removeprefix("$" if unit is Unit.USD else ""), unit)
    if value is None:
        raise _malformed(name, text, _FORMS[unit])
    wrong = allowed.why_not(value)
    if wrong is not None:
        raise _malformed(name, text, f"{_FORMS[unit]}, {wrong}", allowed.why)
    return value


def _number(text: str, unit: Unit) -> float | None:
    match = _NUMBER.match(text)
    if match is None:
        return None
    digits, suffix = match.groups()
    if Decimal(digits) > _LARGEST:
        return inf  # it would be rounded, perhaps to what is allowed
    if unit is Unit.BYTES:
        factor = _SIZES.get(suffix.lower())
        if factor is None or (factor == 1 and not float(digits).is_integer()):
            return None
        return float(int(float(digits) * factor))
    if unit is Unit.SECONDS:
        seconds = _DURATIONS.get(suffix)
        return None if seconds is None else float(digits) * seconds
    if suffix or (unit is not Unit.USD and "." in digits):
        return None
    return float(digits)


def _malformed(name: str, text: str, expected: str, why: str = "") -> UsageError:
    shown = text if len(text) <= 60 else text[:57] + "..."
    hint = f"Set {name} to {expected.split(',')[0]}, or unset it to have the default."
    message = f"The variable {name} is {shown!r}: expected {expected}."
    return UsageError(f"{message} {why}".rstrip(), code=codes.BAD_LIMIT, hint=hint)
