"""What a task was given, as `nika runs show --task` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nika_core as nika
from nika_core.cli.console import json_text, plain

_INDENT = " " * 6


def payload_json(given: nika.TaskPayload) -> dict[str, Any]:
    """Return the keys that a task's JSON has of its payload."""
    return {"payloadProblem": given.problem} if given.payload is None else {"payload": given.payload}


def payload_lines(given: nika.TaskPayload) -> Iterator[str]:
    """Yield a payload, a field on each line, or why it cannot be told."""
    if given.payload is None:
        yield f"{_INDENT}payload: not known: {plain(given.problem)}"
        return
    yield f"{_INDENT}payload:"
    for name, value in given.payload.items():
        lines = (value if isinstance(value, str) else json_text(value)).splitlines() or [""]
        if len(lines) == 1:
            yield f"{_INDENT}  {plain(name)}: {plain(lines[0])}"
        else:
            yield f"{_INDENT}  {plain(name)}:"
            yield from (f"{_INDENT}    {plain(line)}" for line in lines)
