"""Finds the definition of a task in the text of a workflow, as a person wrote it."""

from __future__ import annotations

import re
from typing import Final

_ENTRY: Final = re.compile(r"^(?P<indent> *)- (?P<rest>.*)$")
_ID: Final = re.compile(r"""\bid: *(?P<quote>["']?)(?P<id>[^"',}\s]+)(?P=quote)""")
_INDEX: Final = re.compile(r"\[\d+\]|@\d+")


def definition_of(document: str, task: str) -> str:
    """Return the lines of a task's entry; empty: they are not in this document.

    Args:
        document: a workflow's text.
        task: the id of a task, an item, a round or an inner task, such as `sections[2]/write`. The tasks of an inner
            workflow that is a file of its own are not there.
    """
    names = _INDEX.sub("", task).split("/")
    lines = document.splitlines()
    for begin, line in enumerate(lines):
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        end = _end_of(lines, begin, len(entry["indent"]))
        own = _ID.search(" ".join(_own_lines(lines[begin:end], len(entry["indent"]) + 2)))
        if own is not None and own["id"] == names[-1]:
            return "\n".join(text[len(entry["indent"]) :] for text in lines[begin:end]).rstrip()
    return ""


def _end_of(lines: list[str], begin: int, indent: int) -> int:
    for place in range(begin + 1, len(lines)):
        text = lines[place]
        if text.strip() and len(text) - len(text.lstrip(" ")) <= indent:
            return place
    return len(lines)


def _own_lines(lines: list[str], indent: int) -> list[str]:
    """Return the lines of an entry's own keys, without what is inside them."""
    first = lines[0].lstrip(" ")[2:]
    return [
        first,
        *(text.strip() for text in lines[1:] if text[:indent].strip() == "" and text[indent : indent + 1] != " "),
    ]
