"""What the files of a recording hold: JSON, and which fields. Whatever reads a checked entry need not look again."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from nika_core.errors import Category
from nika_core.model.message import Role

_Fault = tuple[str, str]  # where, and what is wrong
_Check = Callable[[Any, str], _Fault | None]


def json_fault(value: Any) -> str:
    """Return why a value that YAML gave is not JSON, with its place; "": it is JSON.

    A part that occurs twice was written as an alias: a file that uses some may be endless.
    """
    seen: set[int] = set()
    rest: list[tuple[Any, str]] = [(value, "")]
    while rest:
        found, at = rest.pop()
        if isinstance(found, dict | list):
            if id(found) in seen:
                return f"{_named(at)} is an alias (`*`): write it in full"
            if found:
                seen.add(id(found))
        if isinstance(found, dict):
            for key in found:
                if not isinstance(key, str):
                    return f"the key `{key}` in {_named(at)} is not text: put it in quotes"
            rest += [(item, f"{at}.{key}" if at else key) for key, item in found.items()]
        elif isinstance(found, list):
            rest += [(item, f"{at}[{index}]") for index, item in enumerate(found)]
        elif isinstance(found, float) and not math.isfinite(found):
            return f"{_named(at)} is {found}, which is not JSON"
        elif not isinstance(found, str | int | float | bool | None):
            return f"{_named(at)} is a {type(found).__name__}, which is not JSON: put it in quotes"
    return ""


def entry_fault(found: Any) -> str:
    """Return what is wrong with the content of an entry's file, with its place; "": nothing."""
    if fault := json_fault(found):
        return fault
    wrong = _ENTRY(found, "")
    if wrong is None:
        gave = _gave_of_step if found["keyword"] else _GAVE_OF_MODEL
        wrong = _list(gave)(found["gave"], "gave")
    return "" if wrong is None else f"{_named(wrong[0])} {wrong[1]}"


def _named(at: str) -> str:
    return f"`{at}`" if at else "the file"


# ---- checks


def _kind(name: str, *kinds: type) -> _Check:
    def check(value: Any, at: str) -> _Fault | None:
        fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        return None if fits else (at, f"is not {name}")

    return check


def _count(value: Any, at: str) -> _Fault | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if fits else (at, "is not a whole number from 0 on")


def _money(value: Any, at: str) -> _Fault | None:
    try:
        fits = isinstance(value, str) and Decimal(value).is_finite() and Decimal(value) >= 0
    except InvalidOperation:
        fits = False
    return None if fits else (at, "is not an amount, in quotes")


def _one_of(*known: str) -> _Check:
    def check(value: Any, at: str) -> _Fault | None:
        return None if isinstance(value, str) and value in known else (at, f"is none of {', '.join(known)}")

    return check


def _list(of: _Check) -> _Check:
    def check(value: Any, at: str) -> _Fault | None:
        if not isinstance(value, list):
            return at, "is not a list"
        return next(filter(None, (of(item, f"{at}[{index}]") for index, item in enumerate(value))), None)

    return check


def _fields(needed: dict[str, _Check], allowed: dict[str, _Check] | None = None) -> _Check:
    """Return the check of a mapping; other fields than these may hold anything."""
    checks = {**needed, **(allowed or {})}

    def check(value: Any, at: str) -> _Fault | None:
        if not isinstance(value, dict):
            return at, "is not a mapping"
        for name, of in checks.items():
            where = f"{at}.{name}" if at else name
            if name not in value:
                if name in needed:
                    return where, "is missing"
            elif fault := of(value[name], where):
                return fault
        return None

    return check


def _anything(value: Any, at: str) -> _Fault | None:
    return None


_text: Final = _kind("a text", str)
_flag: Final = _kind("true or false", bool)
_mapping: Final = _kind("a mapping", dict)
_COUNTS: Final = ("inputTokens", "outputTokens", "cachedTokens", "cacheWriteTokens", "calls")
_USAGE: Final = _fields(
    {},
    {
        **dict.fromkeys(_COUNTS, _count),
        **dict.fromkeys(("costUsd", "savedUsd"), _money),
        **dict.fromkeys(("unpriced", "models"), _list(_text)),
        "estimated": _flag,
    },
)
_PARTS: Final[dict[str, _Check]] = {
    "text": _fields({"text": _text}),
    "toolCall": _fields({"id": _text, "name": _text}, {"raw": _text}),
    "toolResult": _fields({"callId": _text, "text": _text}, {"isError": _flag}),
    "reasoning": _fields({"provider": _text, "data": _anything}),
    "image": _fields({"mediaType": _text, "name": _text, "data": _text}),
    "document": _fields({"mediaType": _text, "name": _text, "data": _text}, {"pages": _count}),
}


def _part(value: Any, at: str) -> _Fault | None:
    return _fields({"type": _one_of(*_PARTS)})(value, at) or _PARTS[value["type"]](value, at)


def _content(value: Any, at: str) -> _Fault | None:
    return None if isinstance(value, str) else _list(_part)(value, at)


_MESSAGE: Final = _fields({"role": _one_of(*(each.value for each in Role)), "content": _content})
_REPLY: Final[dict[str, _Check]] = {"parts": _list(_part), "stopReason": _text, "usage": _USAGE}
_MODEL_CALL: Final = _fields({"model": _text, "gave": _fields(_REPLY, {"provider": _text})})
_TOOL_CALL: Final = _fields({"tool": _text, "arguments": _anything}, {"isError": _flag})


def _call(value: Any, at: str) -> _Fault | None:
    return (_TOOL_CALL if isinstance(value, dict) and "tool" in value else _MODEL_CALL)(value, at)


_optional_text: Final = _kind("a text", str, type(None))
_ERROR: Final = _fields(
    {"message": _text, "category": _one_of(*(each.value for each in Category))},
    {"code": _optional_text, "hint": _optional_text, "retriable": _kind("true or false", bool, type(None))},
)
_CALLS: Final[dict[str, _Check]] = {"calls": _list(_call)}
_FAILED: Final = _fields({"error": _ERROR}, _CALLS)
_DECLINED: Final = _fields({}, _CALLS)
_RETURNED: Final = _fields(
    {"output": _anything}, {"originalBytes": _count, "messages": _list(_MESSAGE), "usage": _USAGE, **_CALLS}
)


def _gave_of_step(value: Any, at: str) -> _Fault | None:
    known = value if isinstance(value, dict) else {}
    shape = _FAILED if "error" in known else _DECLINED if known.get("declined") is True else _RETURNED
    return shape(value, at)


_GAVE_OF_MODEL: Final = _fields({"model": _fields({**_REPLY, "model": _text}, {"provider": _text})})
_ENTRY: Final = _fields(
    {"task": _text, "keyword": _text, "given": _mapping, "gave": _list(_mapping)}, {"computed": _flag}
)
