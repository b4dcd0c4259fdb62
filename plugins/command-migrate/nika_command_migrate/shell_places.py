"""Places of a shell command at which a value cannot be made safe. `nika validate` says it exactly; this only warns."""

from __future__ import annotations

import re
from typing import Final

_HERE: Final = re.compile(r"<<-?\s*(['\"\\]?)([A-Za-z_]\w*)\1?[^\n]*\n")


def unsafe_place(command: str, start: int, end: int) -> str | None:
    """Return in what kind of place the characters `start` to `end` stand, if it is an unsafe one."""
    if not command[:start].strip() and not command[end:].strip():
        return "alone, as the whole command"
    if command[:start].replace("\\`", "").count("`") % 2:
        return "within backticks"
    for here in _HERE.finditer(command[:start]):
        if not re.search(rf"^\s*{re.escape(here[2])}\s*$", command[here.end() : start], re.MULTILINE):
            return "in a here-document"
    if not command[:start].strip():
        return "where the name of the program stands"
    return None
