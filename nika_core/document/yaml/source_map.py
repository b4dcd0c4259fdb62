"""From a character's offset in the text to line and column, and from a path to an offset."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from typing import Any, Final

from nika_core.errors import Place

_BREAK: Final = re.compile(r"\r\n?|\n")


class SourceMap:
    """Turns offsets of one text into places. Lines are indexed once, on the first call."""

    __slots__ = ("_starts", "path", "text")

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self._starts: array[int] | None = None

    def _lines(self) -> array[int]:
        starts = self._starts
        if starts is None:
            starts = array("L", [0])
            starts.extend(line_break.end() for line_break in _BREAK.finditer(self.text))
            self._starts = starts
        return starts

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return line and column, both from 1; columns count characters."""
        starts = self._lines()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> tuple[int, int]:
        """Return where a line starts and ends, without its line break; of the last line, if there are not so many."""
        starts = self._lines()
        number = max(1, min(number, len(starts)))
        start = starts[number - 1]
        if number == len(starts):
            return start, len(self.text)
        end = starts[number]
        return start, end - (2 if self.text.startswith("\r\n", end - 2) and end - 2 >= start else 1)

    def place(self, start: int, end: int | None = None) -> Place:
        """Return the place from `start` to `end` (exclusive), cut at the line's end."""
        start = min(start, len(self.text))
        line, column = self.line_and_column(start)
        end_column = None
        if end is not None and end > start:
            stop = _BREAK.search(self.text, start, end)
            end_column = column + (stop.start() if stop else end) - start
        return Place(self.path, line, column, end_column)

    def file(self) -> Place:
        """Return the place of the file as a whole."""
        return Place(self.path)


class Cursor:
    """Turns growing offsets into places, without an index of all lines."""

    __slots__ = ("_column_from", "_line", "_offset", "_source_map")

    def __init__(self, source_map: SourceMap) -> None:
        self._source_map = source_map
        self._line = 1
        self._offset = 0
        self._column_from = 0

    def place(self, offset: int) -> Place:
        """Return the place of one character; `offset` is never smaller than in the call before."""
        source_map = self._source_map
        text = source_map.text
        new_lines = text.count("\n", self._offset, offset)
        if new_lines:
            self._line += new_lines
            self._column_from = text.rfind("\n", 0, offset) + 1
        self._offset = offset
        return Place(source_map.path, self._line, offset - self._column_from + 1)


class RefusedKey:
    """Stands for a refused key, so that sizes stay right: a duplicate, or a key that is a mapping or a list.

    `size` counts the nodes of the key; `start` is its first entry while it is read, else -1; `is_template` says that it
    is an unquoted template.
    """

    __slots__ = ("is_template", "size", "start")

    def __init__(self, size: int = 1, start: int = -1, *, is_template: bool = False) -> None:
        self.size = size
        self.start = start
        self.is_template = is_template


def entries_in(node: Any) -> int:
    """Return how many entries of `offsets` a node takes, keys included."""
    if type(node) is not dict and type(node) is not list:
        return 1
    count = 0
    todo = [node]
    while todo:
        item = todo.pop()
        count += 1
        if type(item) is dict:
            for key, value in item.items():
                count += key.size if type(key) is RefusedKey else 1
                if type(value) is dict or type(value) is list:
                    todo.append(value)
                else:
                    count += 1
        elif type(item) is list:
            for value in item:
                if type(value) is dict or type(value) is list:
                    todo.append(value)
                else:
                    count += 1
    return count


def entry_of(node: Any, entry: int, path: tuple[str | int, ...], *, key: bool = False) -> tuple[int, Any, int]:
    """Walk from `node`, whose entry is `entry`, along `path`.

    Return the entry where the walk ended, the node there, and how many steps were taken. With `key` the last step
    leads to the entry of the key, not of its value.
    """
    taken = 0
    for step in path:
        if type(node) is dict:
            if step not in node:
                break
            at = entry + 1
            for name, value in node.items():
                key_entry = at
                at += name.size if type(name) is RefusedKey else 1
                if name == step:
                    node, entry = value, at
                    if key and taken == len(path) - 1:
                        entry = key_entry
                    break
                at += entries_in(value)
        elif type(node) is list:
            if not isinstance(step, int) or not 0 <= step < len(node):
                break
            at = entry + 1
            for value in node[:step]:
                at += entries_in(value)
            node, entry = node[step], at
        else:
            break
        taken += 1
    return entry, node, taken
