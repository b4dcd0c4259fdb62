"""Anchors and aliases written out: strict YAML has none."""

from __future__ import annotations

from nika_command_migrate.layout import Layout
from nika_command_migrate.source import BREAK, Edit, Source, apply
from nika_command_migrate.tree import Alias, Document, Node, NotYamlError, last_line, last_offset, parse

_MAX_ROUNDS = 20  # an anchor within an anchored value is written out in a further round
_MAX_GROWTH = 10  # times the size: aliases of aliases of aliases


def written_out(document: Document) -> Document:
    """Return the document without anchors and aliases, as far as that is possible: what is left stays in the result."""
    limit = _MAX_GROWTH * len(document.source.text) + 10_000
    for _ in range(_MAX_ROUNDS):
        edits = _round(document) if document.aliases or document.anchors else []
        text = apply(document.source.text, edits)
        if not edits or len(text) > limit:
            return document
        try:
            document = parse(text)
        except NotYamlError:  # the copy cannot stand there
            return document
    return document


def _round(document: Document) -> list[Edit]:
    """Aliases first, those of values without aliases; anchors when there is no alias any more."""
    if not document.aliases:
        return [edit for anchor in document.anchors for edit in _without(document.source, anchor.start, anchor.node)]
    edits: list[Edit] = []
    for alias in document.aliases:
        if not any(_within(alias.node, inner.start) for inner in document.aliases):
            edits += _copied(document, alias)
    return edits


def _within(node: Node, offset: int) -> bool:
    return node.start <= offset < node.end


def _without(source: Source, start: int, node: Node) -> list[Edit]:
    """Remove `&name` and the white space behind it; before it, if nothing follows on the line."""
    end = start
    while source.text[end : end + 1] not in (" ", "\t", "\r", "\n", ""):
        end += 1
    while source.text[end : end + 1] in (" ", "\t") and end < node.start:
        end += 1
    if source.text[end : end + 1] in ("\r", "\n"):
        while source.text[start - 1] == " ":
            start -= 1
    return [Edit(start, end, "")]


def _copied(document: Document, alias: Alias) -> list[Edit]:
    """Put a copy in an alias's place; nothing if it cannot be copied."""
    source, node = document.source, alias.node
    if any(_within(node, anchor.start) for anchor in document.anchors):
        return []  # the copy would bring the anchor a second time
    if node.flow or (node.kind == "scalar" and not node.is_block_scalar):
        parts = [part.strip() for part in BREAK.split(source.text[node.start : last_offset(source, node)])]
        return [Edit(alias.start, alias.end, " ".join(parts))] if not any("#" in part for part in parts[:-1]) else []
    line = source.line_of(alias.start)
    before = source.text[source.start(line) : alias.start].rstrip(" ")
    if node.kind == "scalar" or not before.endswith(":"):
        return []  # a block scalar, or a place where no block can stand
    column = len(before) - len(before.lstrip(" -")) + 2
    first, last = source.line_of(node.start), last_line(source, node)
    lines = Layout(document).shifted(first, last, column - source.column_of(node.start))
    lines[0] = " " * column + source.text[node.start : source.start(first + 1)]
    copy = source.newline + "".join(lines).rstrip("\r\n")
    end_of_line = source.start(line) + len(source.line(line).rstrip("\r\n"))
    if source.text[alias.end : end_of_line].strip():  # a comment
        return [Edit(source.start(line) + len(before), alias.end, ""), Edit(end_of_line, end_of_line, copy)]
    return [Edit(source.start(line) + len(before), end_of_line, copy)]
