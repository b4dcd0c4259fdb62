"""Keys without a value taken out: v4 took them for absent, v5 would take `~` for a text."""

from __future__ import annotations

from collections.abc import Iterator

from nika_command_migrate import grammar
from nika_command_migrate.flow_style import FlowMap
from nika_command_migrate.layout import Entry, Layout
from nika_command_migrate.scalars import is_null
from nika_command_migrate.source import Edit, Source, apply, is_blank
from nika_command_migrate.tree import Document, Node, last_offset, parse

_MAX_ROUNDS = 8  # what holds nothing but empty values is itself empty in the next round


def without_nulls(document: Document) -> Document:
    """Return the document without the empty values that v4 ignored. Raise NotYamlError when that went wrong."""
    for _ in range(_MAX_ROUNDS):
        edits = list(_edits(document))
        if not edits:
            return document
        document = parse(apply(document.source.text, edits))
    return document


def optional_in(root: Node) -> Iterator[tuple[Node, frozenset[str]]]:
    """Yield the mappings of a file of v4, outermost first, and their keys that may be left out."""
    yield root, frozenset({"flows"})
    agent = root.get("agent")
    if agent is not None:
        yield agent, frozenset(agent.names()) - {"model"}
    for task, old in zip(grammar.tasks_of(root), grammar.read_as_v4(root), strict=True):
        word = grammar.keyword_of(task)
        if not old or word is None:
            continue
        keyword = grammar.KEYWORDS[word]
        # An empty `args` is not an `args`; what is null inside of it is a value.
        yield task, frozenset({grammar.CONFIG, "allowedTools", *keyword.beside})
        payload, config = task.get(word), task.get(grammar.CONFIG)
        if payload is not None and payload.kind == "map":
            yield payload, frozenset(payload.names()) - {keyword.primary}
        if config is not None and config.kind == "map":
            yield config, grammar.CONFIG_KEYS
            retry = config.get("retry")
            if retry is not None:
                yield retry, grammar.RETRY_KEYS
    for flow in grammar.flows_of(root):
        yield flow, frozenset({"condition"})


def is_nothing(key: str, value: Node) -> bool:
    """Return whether a value counts as left out."""
    return is_null(value) or (key in (grammar.CONFIG, "retry") and value.kind == "map" and not value.pairs)


def _edits(document: Document) -> Iterator[Edit]:
    root = document.root
    if root is None or not grammar.is_v4(root):
        return
    done = -1  # a mapping within one that is edited waits for the next round
    layout = Layout(document)
    for mapping, keys in optional_in(root):
        empty = [
            index
            for index, (key, value) in enumerate(mapping.pairs)
            if key.value in keys and is_nothing(key.value, value)
        ]
        if not empty or mapping.start < done:
            continue
        if mapping.flow:
            flow = FlowMap.read(document.source, mapping)
            for index in reversed(empty):
                flow.pop(index)
            yield Edit(mapping.start, mapping.end, flow.text())
            done = mapping.end
        else:
            entry = layout.entries(mapping)[empty[0]]
            following = mapping.pairs[empty[0] + 1][0] if empty[0] + 1 < len(mapping.pairs) else None
            edit = _without_entry(document.source, entry, following)
            yield _with_blank_lines(document.source, edit) if layout.is_text(entry.first - 1) else edit
            done = document.source.start(entry.last + 1)


def _without_entry(source: Source, entry: Entry, following: Node | None) -> Edit:
    line_start = source.start(entry.first)
    end = last_offset(source, entry.value, entry.key)
    rest = source.text[end : source.start(source.line_of(end - 1) + 1)]
    if is_blank(source.text[line_start : entry.key.start]):
        if is_blank(rest):
            return Edit(line_start, end + len(rest), "")
        return Edit(entry.key.start, end + len(rest) - len(rest.lstrip()), "")
    if is_blank(rest) and following is not None and is_blank(source.text[end : following.start]):
        return Edit(entry.key.start, following.start, "")
    return Edit(entry.key.start, end + len(rest) - len(rest.lstrip(" ")), "")


def _with_blank_lines(source: Source, edit: Edit) -> Edit:
    """Behind a block scalar that keeps blank lines, those that follow would become its text."""
    if edit.end != source.start(source.line_of(edit.end - 1) + 1):
        return edit
    line = source.line_of(edit.end - 1) + 1
    while line < len(source) and is_blank(source.line(line)):
        line += 1
    return Edit(edit.start, source.start(line), edit.text)
