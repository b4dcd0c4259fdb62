"""YAML text -> nodes that know where they stand, and what of it strict YAML does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from nika_command_migrate.source import Source, indent_of, is_blank

_events: Final[Any] = yaml.parse  # whose types do not know what is in an event
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SPACES: Final[Any] = re.compile(r"[ \t]*")  # each of them always matches
_SPACES_AND_COMMENTS: Final[Any] = re.compile(r"(?:\s|(?<=\s)#[^\r\n]*)*")
_EXPLICIT_KEY: Final = re.compile(r"(?:^|[\s{,\[])\?\s+\Z")
MAX_WEIGHT: Final = 2_000_000  # nodes, with aliases written out
MAX_DEPTH: Final = 100  # nesting; a v4 file never comes near it


class NotYamlError(Exception):
    """The text is no YAML. `offset`: where, in characters."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(slots=True, eq=False)
class Node:
    """A scalar, a mapping or a sequence. `start` and `end` are offsets; an anchor or a tag stands before `start`.

    `style` of a scalar: "" (plain), "'", '"', "|" or ">". `flow`: a mapping or sequence in braces or brackets.
    """

    kind: str  # scalar | map | seq
    start: int
    end: int
    value: str = ""
    style: str = ""
    flow: bool = False
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    weight: int = 1  # how many nodes there are in it, aliases written out; 0 while it is being read

    @property
    def is_block_scalar(self) -> bool:
        return self.style in ("|", ">")

    @property
    def is_empty(self) -> bool:
        """Nothing is written there."""
        return self.kind == "scalar" and self.style == "" and self.value == ""

    def get(self, key: str) -> Node | None:
        """Return the value of a key; None if it is not there, or when this is not a mapping."""
        pair = self.pair(key)
        return pair[1] if pair else None

    def pair(self, key: str) -> tuple[Node, Node] | None:
        """Key and value; None when there is none."""
        for name, value in self.pairs:
            if name.kind == "scalar" and name.value == key:
                return name, value
        return None

    def names(self) -> list[str]:
        """Return the keys that are text, in order."""
        return [name.value for name, _ in self.pairs if name.kind == "scalar"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """`&name` before a node. `start` and `end` span the anchor with the white space after it."""

    name: str
    start: int
    end: int
    node: Node


@dataclass(frozen=True, slots=True)
class Alias:
    """`*name`, and the node that it stands for."""

    name: str
    start: int
    end: int
    node: Node


@dataclass(frozen=True, slots=True)
class Flaw:
    """What strict YAML does not have and migration does not fix automatically."""

    offset: int
    message: str
    hint: str


@dataclass(slots=True)
class Document:
    """A parsed file. `root` is None when there is nothing in it."""

    source: Source
    root: Node | None = None
    anchors: list[Anchor] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


def parse(text: str) -> Document:
    """Parse a document. Raise NotYamlError."""
    try:
        return _Builder(text).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYamlError(error.problem or "it is no YAML", mark.index if mark else 0) from None
    except yaml.reader.ReaderError as error:
        raise NotYamlError(f"{error.reason}: {_shown(error.character)}", int(error.position)) from None


def _at(mark: Any) -> int:
    """Return a mark's offset; every event that is parsed from a text has marks."""
    return int(mark.index)


def _shown(character: Any) -> str:
    return f"U+{character:04X}" if isinstance(character, int) else repr(character)


class _Builder:
    def __init__(self, text: str) -> None:
        self.text = text
        self.events: Iterator[Any] = iter(_events(text, Loader=_LOADER))
        self.result = Document(Source(text))
        self.known: dict[str, Node] = {}

    def document(self) -> Document:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if event.version or event.tags:
                    self._flaw(_at(event.start_mark), "a YAML directive", "remove the line")
                if documents == 2:
                    self._flaw(
                        _at(event.start_mark),
                        "a second document",
                        "a file holds one workflow: move what follows --- into a file of its own",
                    )
                root = self._node(next(self.events), 0)
                self.result.root = self.result.root or root
        return self.result

    def _flaw(self, offset: int, message: str, hint: str) -> None:
        self.result.flaws.append(Flaw(offset, message, hint))

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise NotYamlError(f"it is nested more than {MAX_DEPTH} deep", _at(event.start_mark))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        start = self._past_properties(event)
        if isinstance(event, yaml.ScalarEvent):
            node = Node("scalar", start, _at(event.end_mark), event.value, event.style or "")
        elif isinstance(event, yaml.MappingStartEvent):
            node = Node("map", start, start, flow=bool(event.flow_style))
        else:
            node = Node("seq", start, start, flow=bool(event.flow_style))
        if event.anchor:
            node.weight = 0
            self.known[event.anchor] = node
            self.result.anchors.append(Anchor(event.anchor, _at(event.start_mark), start, node))
        if node.kind == "map":
            self._pairs(node, depth)
        elif node.kind == "seq":
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                node.items.append(self._node(inner, depth + 1))
            node.end = _at(inner.end_mark)
        node.weight = (
            1 + sum(key.weight + value.weight for key, value in node.pairs) + sum(i.weight for i in node.items)
        )
        if node.weight > MAX_WEIGHT:
            raise NotYamlError("its aliases stand for too much", node.start)
        return node

    def _pairs(self, node: Node, depth: int) -> None:
        seen: set[str] = set()
        while not isinstance(inner := next(self.events), yaml.MappingEndEvent):
            key = self._node(inner, depth + 1)
            node.pairs.append((key, self._node(next(self.events), depth + 1)))
            if key.kind != "scalar":
                self._flaw(key.start, "a key that is not text", "put quotes around a value that begins with {{ or [")
            elif key.value == "<<" and not key.style:
                self._flaw(key.start, "a merge key (<<)", "v4 ignored it: remove it, or write out what it should bring")
            elif key.value in seen:
                self._flaw(key.start, f"the key '{key.value}' a second time", "keep one of the two")
            elif _EXPLICIT_KEY.search(self.text[max(key.start - 20, 0) : key.start]):
                self._flaw(key.start, "an explicit key (?)", f"write it as '{key.value}: ...'")
            seen.add(key.value if key.kind == "scalar" else "")
        node.end = _at(inner.end_mark)

    def _alias(self, event: Any) -> Node:
        node = self.known.get(event.anchor)
        if node is None:
            raise NotYamlError(f"*{event.anchor} stands for nothing", _at(event.start_mark))
        if not node.weight:
            raise NotYamlError(f"*{event.anchor} stands within what it stands for", _at(event.start_mark))
        self.result.aliases.append(Alias(event.anchor, _at(event.start_mark), _at(event.end_mark), node))
        return node

    def _past_properties(self, event: Any) -> int:
        """Return where the node itself begins, behind its anchor and tag."""
        at: int = _at(event.start_mark)
        if event.tag and self.text.startswith(("!", "&"), at):
            self._flaw(at, f"the tag {event.tag}", "remove it: the workflow's own rules give each value its type")
        if event.anchor:
            at = self.text.index("&" + event.anchor, at) + len(event.anchor) + 1
            spaces = _SPACES if isinstance(event, yaml.ScalarEvent) else _SPACES_AND_COMMENTS
            at += len(spaces.match(self.text, at)[0])
        return at


def last_offset(source: Source, node: Node, key: Node | None = None) -> int:
    """Return the offset behind a node's last character (a block scalar's last line included, without what ends it)."""
    while not node.flow and node.kind != "scalar":
        if node.kind == "map" and node.pairs:
            key, node = node.pairs[-1]
        elif node.kind == "seq" and node.items:
            key, node = None, node.items[-1]
        else:
            break
    if node.is_empty:
        return source.text.index(":", key.end) + 1 if key and ":" in source.line_rest(key.end) else node.start
    if node.is_block_scalar:
        return _end_of_block_scalar(source, node)
    return node.end


def last_line(source: Source, node: Node, key: Node | None = None) -> int:
    """Return the last line on which something of a node stands; blank lines that are a block scalar's text count."""
    end = last_offset(source, node, key)
    line = source.line_of(end)
    return line if end > source.start(line) or end == 0 or is_blank(source.line(line)) else line - 1


def _end_of_block_scalar(source: Source, node: Node) -> int:
    last = source.line_of(node.end - 1)
    if "+" not in block_header(source, node):
        column = text_column(source, node)
        while last > source.line_of(node.start) and is_blank(line := source.line(last)) and indent_of(line) <= column:
            last -= 1
    return source.start(last) + len(source.line(last).rstrip("\r\n\x85\u2028\u2029"))


def block_header(source: Source, node: Node) -> str:
    """Return the header of a block scalar: `|`, `>-`, `|2+` ..."""
    end = node.start
    while source.text[end : end + 1] in ("|", ">", "+", "-") or source.text[end : end + 1].isdigit():
        end += 1
    return source.text[node.start : end]


def text_column(source: Source, node: Node) -> int:
    """Return the column at which the text of a block scalar begins."""
    explicit = [int(sign) for sign in block_header(source, node) if sign.isdigit()]
    if explicit:
        return _parent_column(source, node) + explicit[0]
    first, last = source.line_of(node.start) + 1, source.line_of(max(node.end - 1, node.start))
    return next((indent_of(line) for line in source.lines(first, last) if not is_blank(line)), 0)


def _parent_column(source: Source, node: Node) -> int:
    """Return the column of the key, or of the list's dash, that a block scalar belongs to."""
    before = source.text[source.start(source.line_of(node.start)) : node.start].rstrip(" ")
    if before.endswith("-") and not before.strip(" -"):
        return len(before) - 1
    return len(before) - len(before.lstrip(" -"))
