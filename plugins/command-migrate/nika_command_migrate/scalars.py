"""Single values: the types that v4's YAML gave them, the JSON that v5 reads, and durations."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from nika_command_migrate.tree import Node

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_BASED: Final = re.compile(r"([-+]?)0([xob])([0-9a-fA-F]+)\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_INFINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]")
_BASES: Final = {"x": 16, "o": 8, "b": 2}


def is_null(node: Node) -> bool:
    """Return whether v4 took a value for nothing: `~`, `null`, an empty one."""
    return node.kind == "scalar" and not node.style and node.value in _NULL


def v4_value(node: Node) -> Any:
    """Return a scalar with the type that v4 gave it in a tree: None, bool, int, float or str."""
    text = node.value
    if node.style:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INFINITE.match(text):
        return (
            math.nan if "n" in text[-3:].lower() and "inf" not in text.lower() else math.copysign(math.inf, _sign(text))
        )
    try:
        if _INT.match(text):
            return int(text)
        if based := _BASED.match(text):
            return int(based[1] + based[3], _BASES[based[2]])
        if _FLOAT.match(text) and not _LEADING_ZERO.match(text):
            number = float(text)
            return number if math.isfinite(number) else text
    except ValueError:
        pass
    return text


def _sign(text: str) -> float:
    return -1.0 if text.startswith("-") else 1.0


def v5_value(node: Node) -> Any:
    """Return a scalar in a tree of v5: plain and exactly canonical JSON has its type, all else is text."""
    if not node.style and node.value and node.value[0] in "-0123456789tfn":
        try:
            value = json.loads(node.value)
        except ValueError:
            return node.value
        if json.dumps(value) == node.value:
            return value
    return node.value


def same(one: Any, other: Any) -> bool:
    """Equal, and of one type."""
    return type(one) is type(other) and one == other


_SPELLINGS: Final = {
    "ms": "ms msec msecs millis millisecond milliseconds",
    "s": "s sec secs second seconds",
    "m": "m min mins minute minutes",
    "h": "h hr hrs hour hours",
}
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_UNITS: Final = {"": "s"} | {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}
_V5_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|)\Z")
_PART: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)")


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration as v4 wrote it: `30s`, `500 ms`, `2min`, `1m30s`, `30`. None: it is not one."""
    text = text.strip()
    total, at, parts = 0.0, 0, 0
    while at < len(text):
        found = _PART.match(text, at)
        if not found or found[2].lower() not in _UNITS or (parts and not found[2]):
            return None
        total += float(found[1]) * _SECONDS[_UNITS[found[2].lower()]]
        at, parts = found.end(), parts + 1
    return round(total, 6) if parts else None


def v5_duration(text: str) -> str | None:
    """Return the same duration as v5 writes it; the text itself where v5 reads it; None if it is not a duration."""
    if _V5_DURATION.match(text):
        return text
    seconds = seconds_of(text)
    if seconds is None:
        return None
    single = _PART.fullmatch(text.strip())
    if single:
        return f"{single[1]}{_UNITS[single[2].lower()]}"
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    milliseconds = seconds * 1000
    return f"{round(milliseconds)}ms" if abs(milliseconds - round(milliseconds)) < 1e-6 else f"{seconds}s"
