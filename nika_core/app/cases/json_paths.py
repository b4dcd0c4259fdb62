"""Paths into JSON, as test files have them: `$.findings[0].title`, `findings.0.title`, `findings[*].title`."""

from __future__ import annotations

import re
from typing import Final

from nika_core.model.json import Json

_STEP: Final = re.compile(r"\.?(?:([^.\[\]'\"]+)|\[(\d+|\*)\]|\[(?:'([^']*)'|\"([^\"]*)\")\])")


class PathError(ValueError):
    """The path leads nowhere, or is not a path; the text says where it ends."""


def at_path(value: Json, path: str) -> Json:
    """Return what stands at a path; with `[*]` a list of what stands there in each item. Raise PathError."""
    rest = path.removeprefix("$")
    position = 0
    while position < len(rest):
        step = _STEP.match(rest, position)
        if step is None:
            raise PathError(f"'{path}' is not a path: '{rest[position:]}'")
        position = step.end()
        name = step[1] or step[3] or step[4]
        if step[2] == "*" or name == "*":
            if not isinstance(value, list):
                raise PathError(f"there is no list before '{rest[step.start() :]}'")
            return [at_path(item, rest[position:].removeprefix(".")) for item in value]
        value = _inside(value, step[2] or name or "", rest[:position])
    return value


def _inside(value: Json, name: str, so_far: str) -> Json:
    if isinstance(value, dict) and name in value:
        return value[name]  # type: ignore[no-any-return]  # JSON
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]  # type: ignore[no-any-return]  # JSON
    if isinstance(value, dict):
        raise PathError(f"there is no '{so_far}': it has {', '.join(map(str, value)) or 'nothing'}")
    if isinstance(value, list):
        raise PathError(f"there is no '{so_far}': it has {len(value)} items")
    raise PathError(f"there is no '{so_far}': there is no list and no object before it")
