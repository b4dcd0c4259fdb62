"""A call of a tool in one line: its arguments in short, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nika_core.cli.console import json_text, plain
from nika_core.model.bounded import shorten

_VALUE: Final = 60  # characters of an argument
_ARGUMENTS: Final = 120  # of all of them
_WHY: Final = 300  # of why it failed; of what it was given, and gave


def tool_text(data: Mapping[str, Any]) -> str:
    """Return a call as `task.tool` events have it: `fs::read(path="a.txt")`, and what went wrong."""
    call = f"{data.get('tool')}({arguments_text(data.get('arguments'))})"
    if not data.get("isError"):
        return plain(call)
    why = " ".join(str(data.get("message") or data.get("content") or "").split())
    return plain(f"{call} failed{f': {shorten(why, _WHY)}' if why else ''}")


def tool_details(data: Mapping[str, Any]) -> str:
    """Return what a tool was given and gave, in short and on lines of their own."""
    given = json_text(data["arguments"]) if "arguments" in data else ""
    gave = plain(str(data.get("content", data.get("message", ""))))
    parts = [(name, " ".join(text.split())) for name, text in (("given", given), ("gave", gave))]
    return "".join(f"\n    {name} {shorten(text, _WHY)}" for name, text in parts if text)


def arguments_text(arguments: Any) -> str:
    """Return a call's arguments in short, on one line."""
    if not isinstance(arguments, Mapping):
        return _short(arguments)
    return shorten(", ".join(f"{name}={_short(value)}" for name, value in arguments.items()), _ARGUMENTS)


def _short(value: Any) -> str:
    if isinstance(value, str):
        value = shorten(value, _VALUE)
    return shorten(json.dumps(value, ensure_ascii=False, default=str), _VALUE + 2)
