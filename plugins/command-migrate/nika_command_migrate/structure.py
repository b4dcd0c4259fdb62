"""Flat fields go under their keyword, and what stood in `config` goes to the task."""

from __future__ import annotations

from nika_command_migrate import grammar
from nika_command_migrate.block_tasks import BlockTask
from nika_command_migrate.flow_tasks import flow_task_text
from nika_command_migrate.layout import Layout, nodes_in
from nika_command_migrate.parts import TaskParts, out_of_order
from nika_command_migrate.source import Edit, Source, apply
from nika_command_migrate.tree import Document, Node, block_header, parse


def restructured(document: Document) -> Document:
    """Return the document with every task as v5 has it. Raise CannotError, and NotYamlError when that went wrong."""
    document = _closed_at_the_end(document)
    root = document.root
    if root is None:
        return document
    layout, step = Layout(document), _step(document.source, root)
    edits = [
        _edit(layout, TaskParts.of(task, word), step)
        for task in grammar.tasks_of(root)
        if (word := grammar.keyword_of(task)) is not None and out_of_order(task, word)
    ]
    return parse(apply(document.source.text, edits)) if edits else document


def _edit(layout: Layout, parts: TaskParts, step: int) -> Edit:
    if parts.node.flow:
        return Edit(parts.node.start, parts.node.end, flow_task_text(layout.source, parts))
    return BlockTask(layout, parts, step).edit()


def _closed_at_the_end(document: Document) -> Document:
    """End the last line: without an end it gives a block scalar no line break; elsewhere only `|-` says so."""
    source, root = document.source, document.root
    tasks = grammar.tasks_of(root) if root is not None else []
    word = grammar.keyword_of(tasks[-1]) if tasks else None
    if word is None or source.text.endswith(("\n", "\r")) or not out_of_order(tasks[-1], word):
        return document
    for node in nodes_in(root):
        if node.is_block_scalar and node.end == len(source.text) and "-" not in (header := block_header(source, node)):
            edit = Edit(node.start, node.start + len(header), header.replace("+", "") + "-")
            return parse(apply(source.text, [edit]))
    return document


def _step(source: Source, root: Node) -> int:
    """Return by how many columns the file indents: what its first nested block mapping does."""
    tasks = [pair for task in grammar.tasks_of(root) if not task.flow for pair in task.pairs]
    agent = [pair] if (pair := root.pair("agent")) else []
    for key, value in (*agent, *tasks):
        if value.kind == "map" and value.pairs and not value.flow:
            return max(source.column_of(value.pairs[0][0].start) - source.column_of(key.start), 1)
    return 2
