"""From a character of a scalar's value to its offset in the document: in plain, quoted and block style."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HEX: Final = {"x": 2, "u": 4, "U": 8}
_HEADER: Final = re.compile(r"[|>][-+0-9]*[ \t]*(?:#[^\n]*)?(?:\r\n?|\n)")
_BREAK: Final = re.compile(r"\r\n?|\n")
_BLANK: Final = " \t"


def offset_in_text(text: str, start: int, value: str, offset: int) -> int:
    """Return where character `offset` of `value` stands in `text`; the scalar starts at `start`.

    Where it cannot be followed (a fold that was changed by hand-written escapes), the start of the scalar.
    """
    if offset <= 0 and text[start : start + 1] not in ("'", '"', "|", ">"):
        return start
    style = text[start : start + 1]
    if style in ("|", ">"):
        found_at = _in_block(text, start, value, offset)
    elif style in ("'", '"'):
        found_at = _in_flow(text, start + 1, offset, style)
    else:
        found_at = _in_flow(text, start, offset, "")
    return start if found_at is None or found_at > len(text) else found_at


def _break_length(text: str, at: int) -> int:
    if text.startswith("\r\n", at):
        return 2
    return 1 if text[at : at + 1] in ("\n", "\r") else 0


def _skip_fold(text: str, at: int) -> tuple[int, int] | None:
    """Return where the text goes on after a line break in a flow scalar, and how many characters the break became."""
    look = at
    while look < len(text) and text[look] in _BLANK:
        look += 1
    breaks = 0
    while length := _break_length(text, look):
        breaks += 1
        look += length
        while look < len(text) and text[look] in _BLANK:
            look += 1
    return (look, max(1, breaks - 1)) if breaks else None


def _in_flow(text: str, at: int, offset: int, quote: str) -> int | None:
    length = 0
    while at < len(text):
        fold = _skip_fold(text, at) if text[at] in " \t\r\n" else None
        if fold is not None:
            if length + fold[1] > offset:
                return at
            at, length = fold[0], length + fold[1]
            continue
        escaped = quote == '"' and text[at] == "\\"
        if escaped and _break_length(text, at + 1):  # an escaped line break is dropped
            at += 1 + _break_length(text, at + 1)
            while at < len(text) and text[at] in _BLANK:
                at += 1
            continue
        if length >= offset:
            return at
        if escaped:
            at += 2 + _HEX.get(text[at + 1 : at + 2], 0)
        else:
            at += 2 if quote == "'" and text.startswith("''", at) else 1
        length += 1
    return at if length >= offset else None


def _in_block(text: str, start: int, value: str, offset: int) -> int | None:
    header = _HEADER.match(text, start)
    if header is None:
        return None
    lines = _lines(text, header.end())
    if text[start] == "|":
        return _in_literal(text, lines, value, offset)
    return _in_folded(text, lines, value, offset)


def _lines(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line from `at` on."""
    while at < len(text):
        line_break = _BREAK.search(text, at)
        yield at, line_break.start() if line_break else len(text)
        if line_break is None:
            return
        at = line_break.end()


def _in_literal(text: str, lines: Iterator[tuple[int, int]], value: str, offset: int) -> int | None:
    """Find it in a literal scalar, whose lines are lines of the text; the first that is not blank is indented."""
    line = value.count("\n", 0, offset)
    column = offset - (value.rfind("\n", 0, offset) + 1)
    indent = None
    begin = 0
    for number, (start, end) in enumerate(lines):
        if indent is None and begin <= len(value):
            stop = value.find("\n", begin)
            stop = len(value) if stop < 0 else stop
            if value[begin:stop].strip():
                indent = (end - start) - (stop - begin)
            begin = stop + 1
        if number >= line and indent is not None:
            if number == line:
                return min(start + indent + column, end)
            return None
    return None


def _in_folded(text: str, lines: Iterator[tuple[int, int]], value: str, offset: int) -> int | None:
    """Find it in a folded scalar: lines that are not blank stand in it as they are, joined by a space or breaks."""
    indent = None
    length = 0
    while value.startswith("\n", length):
        length += 1
    for start, end in lines:
        content = text[start:end]
        if not content.strip(" "):
            continue
        if indent is None:
            indent = len(content) - len(content.lstrip(" "))
        content = content[indent:]
        if not value.startswith(content, length):
            return None
        if offset <= length + len(content):
            return start + indent + max(0, offset - length)
        length += len(content)
        if value.startswith(" ", length):
            length += 1
        else:
            while value.startswith("\n", length):
                length += 1
    return None
