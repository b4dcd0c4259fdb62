"""Paths to places: for problems, and for `at` of workflows, tasks and flows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nika_core.document.yaml.nodes import Tree
from nika_core.document.yaml.scalar_offsets import offset_in_text
from nika_core.document.yaml.source_map import RefusedKey, SourceMap, entries_in, entry_of
from nika_core.errors import Place


class PathLocator:
    """Finds the places of the parts of one document. Keeps the text and `offsets`, and works out a place on demand."""

    __slots__ = ("_entries", "_root_entries", "_start", "offsets", "root", "source_map")

    def __init__(self, tree: Tree, source_map: SourceMap) -> None:
        self.root = tree.root
        self.offsets = tree.offsets
        self._entries = tree.entries
        self._start = 0  # the root's own entry
        self.source_map = source_map
        self._root_entries: dict[str, int] | None = None

    def below(self, *path: str) -> PathLocator:
        """Return a locator of the same document whose root is what stands at `path`."""
        found = PathLocator.__new__(PathLocator)
        found.offsets, found._entries, found.source_map = self.offsets, self._entries, self.source_map
        found._start, found.root, _ = entry_of(self.root, self._start, path)
        found._root_entries = None
        return found

    def root_entry(self, key: str) -> int | None:
        """Return the entry of a root key's value in `offsets`."""
        if self._root_entries is None:
            entries: dict[str, int] = {}
            at = self._start + 1
            for name, value in self.root.items() if type(self.root) is dict else ():
                at += name.size if type(name) is RefusedKey else 1
                entries[name] = at
                at += entries_in(value)
            self._root_entries = entries
        return self._root_entries.get(key)

    def items(self, key: str) -> Iterator[tuple[Any, int]]:
        """Yield the items of a list below the root, each with its entry."""
        nodes = self.root[key]
        if self._start:  # of lists that stand deeper no entries are kept
            entry = (self.root_entry(key) or 0) + 1
            for node in nodes:
                yield node, entry
                entry += entries_in(node)
            return
        entries = iter(self._entries.get(id(nodes), ()))
        before: Any = None
        last = -1
        for node in nodes:
            if type(node) is dict or type(node) is list:
                last = next(entries)
            elif before is None:
                last = (self.root_entry(key) or 0) + 1
            else:
                last += entries_in(before)
            before = node
            yield node, last

    def place_of(self, path: tuple[str | int, ...], *, at_key: bool = False, offset: int | None = None) -> Place:
        """Return the place of anything in the document, by its path from the root."""
        if path and isinstance(path[0], str) and (len(path) > 1 or not at_key):
            entry = self.root_entry(path[0])
            if entry is not None:
                return self.place_within(self.root[path[0]], entry, path[1:], at_key=at_key, offset=offset)
        return self.place_within(self.root, self._start, path, at_key=at_key, offset=offset)

    def place_within(
        self,
        node: Any,
        entry: int,
        path: tuple[str | int, ...],
        *,
        at_key: bool = False,
        offset: int | None = None,
        length: int = 1,
    ) -> Place:
        """Return the place of `path` below `node`, whose entry is `entry`; else of the last step that exists."""
        reached, value, taken = entry_of(node, entry, path, key=at_key)
        whole = taken == len(path)
        if offset is None and taken == len(path) - 1 and isinstance(value, str) and isinstance(path[-1], int):
            offset = path[-1]
        start = self.offsets[reached] if reached < len(self.offsets) else 0
        text = self.source_map.text
        if at_key and whole and path and isinstance(path[-1], str):
            quotes = 2 if text[start : start + 1] in ("'", '"') else 0
            return self.source_map.place(start, start + len(path[-1]) + quotes)
        if isinstance(value, str):
            if offset is not None:
                found_at = offset_in_text(text, start, value, offset)
                return self.source_map.place(found_at, found_at + length)
            if whole and text.startswith(value, start) and value:
                return self.source_map.place(start, start + len(value))
        return self.source_map.place(start)


class TaskLocator:
    """`Task.at`: finds places in one task's payload, else in the task.

    `texts`: the files whose texts stand for fields of the payload, by field, and the keys that name them.
    """

    __slots__ = ("entry", "keyword", "locator", "node", "primary", "short_form_only", "texts")

    def __init__(
        self,
        locator: PathLocator,
        node: Any,
        entry: int,
        keyword: str,
        primary: str,
        *,
        short_form_only: bool = False,
        texts: Mapping[str, tuple[str, SourceMap]] | None = None,
    ) -> None:
        self.locator = locator
        self.node = node
        self.entry = entry
        self.keyword = keyword
        self.primary = primary
        self.short_form_only = short_form_only
        self.texts = texts or {}

    def __call__(self, path: tuple[str | int, ...]) -> Place:
        node, keyword = self.node, self.keyword
        if path and path[0] in self.texts:
            key, source_map = self.texts[str(path[0])]
            if len(path) == 2 and isinstance(path[1], int):
                return source_map.place(path[1], path[1] + 1)
            path = (key,)
        payload = node.get(keyword)
        full = path
        if path and path[0] == self.primary and (self.short_form_only or isinstance(payload, str)):
            full = (keyword, *path[1:])
        elif path and type(payload) is dict and path[0] in payload:
            full = (keyword, *path)
        elif path[:2] == ("forEach", "items") and type(node.get("forEach")) is not dict:
            full = ("forEach", *path[2:])  # the short form
        return self.locator.place_within(node, self.entry, full)


class NodeLocator:
    """`Flow.at`: finds places below one node."""

    __slots__ = ("entry", "locator", "node")

    def __init__(self, locator: PathLocator, node: Any, entry: int) -> None:
        self.locator = locator
        self.node = node
        self.entry = entry

    def __call__(self, path: tuple[str | int, ...]) -> Place:
        return self.locator.place_within(self.node, self.entry, path)
