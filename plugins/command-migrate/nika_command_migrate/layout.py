"""The lines of a block mapping, entry by entry, and lines that keep their meaning at another column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nika_command_migrate.source import indent_of, is_blank, is_comment
from nika_command_migrate.tree import Document, Node, last_line, text_column


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value: lines `first` to `last`, and before them, from `lead` on, comments and blank lines."""

    key: Node
    value: Node
    lead: int
    first: int
    last: int


def nodes_in(node: Node | None) -> Iterator[Node]:
    """Yield a node and all within it, keys included."""
    todo = [node] if node is not None else []
    while todo:
        found = todo.pop()
        yield found
        for key, value in found.pairs:
            todo += (key, value)
        todo += found.items


class Layout:
    """What of a document's lines is text of a block scalar, and what is structure."""

    def __init__(self, document: Document) -> None:
        self.source = document.source
        self._scalar_lines = _block_scalar_lines(document)

    def entries(self, mapping: Node) -> list[Entry]:
        """Return the entries of a block mapping. A comment indented further than the keys belongs to what precedes."""
        source = self.source
        found: list[Entry] = []
        column = source.column_of(mapping.pairs[0][0].start) if mapping.pairs else 0
        behind = source.line_of(mapping.start)
        for index, (key, value) in enumerate(mapping.pairs):
            first, last = source.line_of(key.start), last_line(source, value, key)
            following = mapping.pairs[index + 1][0] if index + 1 < len(mapping.pairs) else None
            until = source.line_of(following.start) if following else len(source)
            end = self._with_own_comments(last, until, column)
            found.append(Entry(key, value, min(behind, first), first, end))
            behind = end + 1
        return found

    def _with_own_comments(self, last: int, until: int, column: int) -> int:
        for line in range(last + 1, until):
            text = self.source.line(line)
            if is_comment(text) and indent_of(text) > column:
                last = line
            elif not is_blank(text):
                break
        return last

    def shifted(self, first: int, last: int, delta: int) -> list[str]:
        """Return lines `first` to `last`, each moved `delta` columns to the right (or the left). Blank lines stay."""
        return [_shift(self.source.line(line), delta, self._scalar_lines.get(line)) for line in range(first, last + 1)]

    def is_text(self, line: int) -> bool:
        """Return whether a line is text of a block scalar."""
        return line in self._scalar_lines


def _block_scalar_lines(document: Document) -> dict[int, int]:
    """Line -> the column at which the text of its block scalar begins. Blank lines behind a scalar are its own."""
    source = document.source
    found: dict[int, int] = {}
    for node in nodes_in(document.root):
        if not node.is_block_scalar:
            continue
        first, behind = source.line_of(node.start) + 1, source.line_of(max(node.end - 1, node.start)) + 1
        column = text_column(source, node)
        found.update(dict.fromkeys(range(first, behind), column))
    return found


def _shift(line: str, delta: int, scalar_column: int | None) -> str:
    spaces = indent_of(line)
    if not is_blank(line):
        return " " * delta + line if delta >= 0 else line[min(-delta, spaces) :]
    if scalar_column is None:
        return line
    wanted = spaces + delta if spaces > scalar_column else min(spaces, scalar_column + delta)
    return " " * max(wanted, 0) + line[spaces:]
