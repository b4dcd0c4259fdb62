"""Mappings in braces: their entries, and what stands between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nika_command_migrate.source import BREAK, Source
from nika_command_migrate.tree import Node

_COMMENT_OR_COMMA: Final = re.compile(r"#[^\r\n]*|,")


@dataclass(frozen=True, slots=True)
class FlowEntry:
    """`before` is the key with its colon and white space, `value` the text of the value."""

    name: str
    before: str
    value: str

    @property
    def text(self) -> str:
        return self.before + self.value

    @property
    def quote(self) -> str:
        """The quotation mark around the key, if any."""
        return self.before[0] if self.before[:1] in ("'", '"') else ""


class FlowMap:
    """`gaps[i]` stands before entry i, the last gap before the closing brace; commas and comments are in the gaps."""

    def __init__(self, entries: list[FlowEntry], gaps: list[str]) -> None:
        self.entries = entries
        self.gaps = gaps

    @classmethod
    def read(cls, source: Source, node: Node) -> FlowMap:
        """Return the parts of a flow mapping as they are written."""
        text = source.text
        entries: list[FlowEntry] = []
        gaps: list[str] = []
        at = node.start + 1
        for key, value in node.pairs:
            gaps.append(text[at : key.start])
            at = value.end
            if value.is_empty:
                colon = re.match(r"\s*:", text[key.end :])
                at = key.end + (colon.end() if colon else 0)
                entries.append(FlowEntry(key.value, text[key.start : at], ""))
            else:
                entries.append(FlowEntry(key.value, text[key.start : value.start], text[value.start : value.end]))
        gaps.append(text[at : node.end - 1])
        return cls(entries, gaps)

    @property
    def padding(self) -> str:
        """The space behind the opening brace, where there is one on the same line."""
        return " " if self.gaps[0].startswith(" ") and not BREAK.search(self.gaps[0]) else ""

    def index(self, name: str) -> int | None:
        """Return where the entry of this name is."""
        return next((index for index, entry in enumerate(self.entries) if entry.name == name), None)

    def pop(self, index: int) -> FlowEntry:
        """Take an entry out; comments around it stay."""
        before, after = self.gaps[index], self.gaps[index + 1]
        last = index == len(self.entries) - 1
        if "#" in before + after:
            gap = (before if not last else without_comma(before)) + without_comma(after)
        elif last and index:
            gap = after
        else:
            gap = before
        self.gaps[index : index + 2] = [gap]
        return self.entries.pop(index)

    def take_following(self, index: int) -> tuple[FlowEntry, str]:
        """Take the entry behind `index` out, with the gap that stands before it."""
        return self.entries.pop(index + 1), self.gaps.pop(index + 1)

    def insert_after(self, index: int, entry: FlowEntry, gap: str = ", ") -> None:
        """Put an entry behind the one at `index`."""
        self.entries.insert(index + 1, entry)
        self.gaps.insert(index + 1, gap)

    def splice(self, index: int, inner: FlowMap) -> None:
        """Put the entries of `inner` in the place of one entry; its comments come along."""
        if not inner.entries:
            self.pop(index)
            return
        self.entries[index : index + 1] = inner.entries
        first = self.gaps[index] + (inner.gaps[0] if "#" in inner.gaps[0] else "")
        behind = self.gaps[index + 1]
        if "#" in inner.gaps[-1]:
            behind = without_comma(inner.gaps[-1]) + behind
            if "," not in without_comments(behind) and index + len(inner.entries) < len(self.entries):
                behind = "," + behind
        self.gaps[index : index + 2] = [first, *inner.gaps[1:-1], behind]

    def text(self) -> str:
        """Return the mapping as it is written."""
        parts = ["{"]
        for gap, entry in zip(self.gaps, self.entries, strict=False):
            parts += (gap, entry.text)
        return "".join((*parts, self.gaps[-1], "}"))

    def lines(self) -> list[str]:
        """Return the entries as a block mapping's, one a line (without indentation and line ends), with comments."""
        found: list[str] = []
        for index, gap in enumerate(self.gaps):
            beside, *own = BREAK.split(gap)
            if "#" in beside and found:
                found[-1] += without_comma(beside)
            elif "#" in beside:
                own.insert(0, beside)
            found += [line.strip(" \t,") for line in own if "#" in line]
            if index < len(self.entries):
                entry = self.entries[index]
                key = entry.before.rstrip()
                key = key if key.endswith(":") else key + ":"
                found.append(f"{key} {entry.value}".rstrip(" "))
        return found


def without_comma(gap: str) -> str:
    """Return a gap without its comma."""
    for found in _COMMENT_OR_COMMA.finditer(gap):
        if found[0] == ",":
            return gap[: found.start()] + gap[found.end() :]
    return gap


def without_comments(gap: str) -> str:
    """Return a gap without its comments."""
    return _COMMENT_OR_COMMA.sub(lambda found: "," if found[0] == "," else "", gap)
