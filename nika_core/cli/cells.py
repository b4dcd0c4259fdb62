"""Text measured in the columns of a terminal: cut, and wrapped with an indent."""

from __future__ import annotations

import re
from typing import Final

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_PERHAPS_WIDE: Final = re.compile("[^\\x00-\\x7f…▶✓✗↻○·█░─]")  # not ASCII, and none of our signs
_WORDS: Final = re.compile(r" *[^ ]+")
_LONGEST: Final = 20_000  # characters that are wrapped
_PER_COLUMN: Final = 4  # characters that are looked at for each column: some have no width


def columns(text: str) -> int:
    """Return how many columns a text takes; colours take none."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if not _PERHAPS_WIDE.search(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int, mark: str) -> str:
    """Return a text without colours cut to `width` columns, with `mark` at its end if there is more."""
    if width <= 0:
        return ""
    shown = text[: width * _PER_COLUMN]
    if len(shown) == len(text) and columns(text) <= width:
        return text
    return start(shown, width - 1) + mark


def cut_start(text: str, width: int, mark: str) -> str:
    """Return the end of a text without colours, at most `width` columns, with `mark` before it if there is more."""
    if width <= 0:
        return ""
    shown = text[-width * _PER_COLUMN :]
    if len(shown) == len(text) and columns(text) <= width:
        return text
    return mark + start(shown[::-1], width - 1)[::-1]


def start(text: str, width: int) -> str:
    """Return as much of a text without colours as fits into `width` columns."""
    if text.isascii():
        return text[:width]
    taken = 0
    for end, character in enumerate(text):
        taken += columns(character)
        if taken > width:
            return text[:end]
    return text


def wrap(text: str, width: int, indent: int) -> str:
    """Return text, which may have colours, broken at spaces so that no line is wider than `width` columns.

    A word that is wider is left whole, and so is a very long text. What continues a line is indented by `indent` more
    than the line.
    """
    length = len(text)
    if length > _LONGEST or ("\n" not in text and length <= width and not _PERHAPS_WIDE.search(text)):
        return text
    return "\n".join(_wrapped(line, width, indent) for line in text.split("\n"))


def _wrapped(line: str, width: int, indent: int) -> str:
    if columns(line) <= width:
        return line
    margin = " " * min(len(line) - len(line.lstrip(" ")) + indent, width // 2)
    lines: list[str] = []
    current, taken = "", 0
    for word in _WORDS.findall(line):
        needed = columns(word)
        if current and taken + needed > width:
            lines.append(current)
            current = margin + word.lstrip(" ")
            taken = columns(current)
        else:
            current += word
            taken += needed
    return "\n".join([*lines, current])
