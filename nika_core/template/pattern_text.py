"""Short texts that a regular expression matches, made from what Python's own parser makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

_MORE: Final = (0, 1, 2, 3, 7, 15, 40)  # repetitions beyond the fewest
_ALPHABET: Final = "a0A-_. /@:#+~!" + "".join(map(chr, range(33, 127)))
_CLASSES: Final = {"CATEGORY_DIGIT": "0", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}
_NOT: Final = {"CATEGORY_NOT_DIGIT": "a", "CATEGORY_NOT_WORD": "-", "CATEGORY_NOT_SPACE": "a"}


def texts_matching(pattern: str, least: int = 0) -> Iterator[str]:
    """Return texts in which the pattern is found, the shortest first, of at least `least` characters if it may be.

    A text that does not match after all (a pattern that looks ahead, or back at a group) may be among them.
    """
    parser: Any = import_module("re._parser")  # Python's own, in each version from 3.11 on
    try:
        tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return
    for more in _MORE:
        text = "".join(_part(op, value, more) for op, value in tree)
        if len(text) >= least or more == _MORE[-1]:
            yield text
        elif not pattern.endswith("$"):
            yield text.ljust(least, text[-1:] or "a")


def _part(op: Any, value: Any, more: int) -> str:
    match str(op):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return next(letter for letter in _ALPHABET if ord(letter) != value)
        case "ANY":
            return "a"
        case "IN":
            return _member(value)
        case "BRANCH":
            branches = value[1]
            return _all(branches[min(more, len(branches) - 1)], more)
        case "SUBPATTERN":
            return _all(value[-1], more)
        case "ATOMIC_GROUP":
            return _all(value, more)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            fewest, most, repeated = value
            return _all(repeated, more) * min(int(fewest) + more, int(most))
    return ""  # where a text begins and ends, and what is only looked at


def _all(tree: Any, more: int) -> str:
    return "".join(_part(op, value, more) for op, value in tree)


def _member(members: list[tuple[Any, Any]]) -> str:
    negated = str(members[0][0]) == "NEGATE"
    if negated:
        return next((letter for letter in _ALPHABET if not any(_holds(*each, letter) for each in members[1:])), "")
    op, value = members[0]
    match str(op):
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[0])
    return {**_CLASSES, **_NOT}.get(str(value), "a")


def _holds(op: Any, value: Any, letter: str) -> bool:
    match str(op):
        case "LITERAL":
            return bool(ord(letter) == value)
        case "RANGE":
            return bool(value[0] <= ord(letter) <= value[1])
    kind = str(value).removeprefix("CATEGORY_").removeprefix("NOT_")
    inside: dict[str, bool] = {
        "DIGIT": letter.isdigit(),
        "WORD": letter.isalnum() or letter == "_",
        "SPACE": letter.isspace(),
    }
    negated = str(value).startswith("CATEGORY_NOT_")
    return bool(inside.get(kind, False)) is not negated
