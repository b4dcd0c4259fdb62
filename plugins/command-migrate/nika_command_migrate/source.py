"""A text with its lines, and the edits that turn it into another one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML's parser takes for the end of a line


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` (exclusive) become `text`."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with all edits; they must not overlap. Insertions at one place keep their order."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < at:
            raise ValueError(f"edits overlap at {edit.start}")
        parts += (text[at : edit.start], edit.text)
        at = edit.end
    parts.append(text[at:])
    return "".join(parts)


class Source:
    """A text and where its lines begin. Lines and columns count from 0 here, offsets are characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in BREAK.finditer(text))]
        if len(self.starts) > 1 and self.starts[-1] == len(text):
            self.starts.pop()  # the end of the last line begins no line of its own
        self.newline = self._most_used()

    def _most_used(self) -> str:
        windows = self.text.count("\r\n")
        return "\r\n" if windows * 2 > self.text.count("\n") else "\n"

    def __len__(self) -> int:
        return len(self.starts)

    def line_of(self, offset: int) -> int:
        """Return the line in which a character stands."""
        return bisect_right(self.starts, offset) - 1

    def column_of(self, offset: int) -> int:
        """Return how many characters stand before it in its line."""
        return offset - self.starts[self.line_of(offset)]

    def start(self, line: int) -> int:
        """Return where a line begins; the end of the text for the line after the last one."""
        return self.starts[line] if line < len(self.starts) else len(self.text)

    def line(self, line: int) -> str:
        """Return a line with what ends it."""
        return self.text[self.start(line) : self.start(line + 1)]

    def line_rest(self, offset: int) -> str:
        """Return what stands from a character on to the end of its line."""
        return self.text[offset : self.start(self.line_of(offset) + 1)]

    def lines(self, first: int, last: int) -> list[str]:
        """Return lines `first` to `last`, the last one included."""
        return [self.line(number) for number in range(first, last + 1)]


def indent_of(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def is_blank(line: str) -> bool:
    """Return whether a line has nothing but white space."""
    return not line.strip()


def is_comment(line: str) -> bool:
    """Return whether a line (that is not within a scalar) is a comment and nothing else."""
    return line.lstrip().startswith("#")
