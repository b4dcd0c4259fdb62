"""What `== < in && !` mean on JSON types. Every function takes time linear in the size of its arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from nika_core import codes
from nika_core.errors import TemplateValueError
from nika_core.model.bounded import shorten
from nika_core.model.json import Json

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_MAX_NUMBER_LENGTH: Final = 400  # characters of text that may count as a number


def number_in(text: str) -> int | float | None:
    """Return the JSON number in a text, white space around it aside; None if it is not one, or too large."""
    stripped = text.strip()
    if len(stripped) > _MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(stripped):
        return None
    if stripped.lstrip("-").isdecimal():
        return int(stripped)
    value = float(stripped)
    return value if math.isfinite(value) else None


def equal(left: Json, right: Json) -> bool:
    """Return `left == right`: the same JSON value; a text that is a number equals that number, true is not 1."""
    if isinstance(left, str) and _is_number(right):
        left = number_in(left)
    elif isinstance(right, str) and _is_number(left):
        right = number_in(right)
    return _same(left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Any, right: Any) -> bool:
    pairs = [(left, right)]
    while pairs:  # not recursive: a value may be nested deeper than Python's stack
        one, other = pairs.pop()
        if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
            if one is not other:
                return False
        elif isinstance(one, Mapping) and isinstance(other, Mapping):
            if one.keys() != other.keys():
                return False
            pairs.extend((value, other[key]) for key, value in one.items())
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pairs.extend(zip(one, other, strict=True))
        elif one != other:
            return False
    return True


def ordered(left: Json, right: Json, operator: str) -> tuple[Any, Any]:
    """Return both sides as Python can order them: two numbers or two texts. Raises TemplateValueError."""
    one, other = left, right
    if isinstance(left, str) and _is_number(right):
        one = number_in(left)
    elif isinstance(right, str) and _is_number(left):
        other = number_in(right)
    if (_is_number(one) and _is_number(other)) or (isinstance(one, str) and isinstance(other, str)):
        return one, other
    raise TemplateValueError(
        f"{describe_value(left)} and {describe_value(right)} cannot be compared with {operator}",
        code=codes.BAD_CONDITION,
        hint="only two numbers (or text that is a number), or two texts, can be ordered",
    )


def contains(left: Json, right: Json) -> bool:
    """Return `left in right`: an item of a list, a part of a text, a key of an object. Raises TemplateValueError."""
    if isinstance(right, list | tuple):
        return any(equal(left, item) for item in right)
    if isinstance(right, str | Mapping):
        if isinstance(left, str):
            return left in right
        what = "a part of a text" if isinstance(right, str) else "a key of an object"
        raise TemplateValueError(
            f"{describe_value(left)} cannot be in {describe_value(right)}: {what} is text",
            code=codes.BAD_CONDITION,
            hint="put quotes around it" if _is_number(left) else None,
        )
    raise TemplateValueError(
        f"nothing can be in {describe_value(right)}",
        code=codes.BAD_CONDITION,
        hint="write a list, a text or an object on the right of `in`",
    )


def truth(value: Json) -> bool:
    """Return what `&&`, `||`, `!` and a flow take a value for. Raises TemplateValueError."""
    if isinstance(value, bool):
        return value
    if value is None or value == "false":
        return False
    if value == "true":
        return True
    raise TemplateValueError(
        f"{describe_value(value)} is neither true nor false",
        code=codes.BAD_CONDITION,
        hint="compare it with something, e.g. {{task}} != ''",
    )


def describe_value(value: Json) -> str:
    """Return a value for a message: its type, and as much of it as helps."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {shorten(value, 40)!r}"
    if isinstance(value, int | float):
        short = "of many digits" if isinstance(value, int) and value.bit_length() > 200 else repr(value)
        return f"the number {short}"
    if isinstance(value, Mapping):
        return "an object"
    return f"a list of {len(value)}" if isinstance(value, list | tuple) else "a value that is not JSON"
