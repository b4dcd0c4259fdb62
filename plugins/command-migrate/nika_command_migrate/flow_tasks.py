"""A task in flow style, put in order entry by entry."""

from __future__ import annotations

from nika_command_migrate import grammar
from nika_command_migrate.flow_style import FlowEntry, FlowMap
from nika_command_migrate.parts import TaskParts
from nika_command_migrate.source import Source


def flow_task_text(source: Source, parts: TaskParts) -> str:
    """Return the task as v5 has it."""
    task = FlowMap.read(source, parts.node)
    place = task.index(parts.word) or 0
    keyword = task.entries[place]
    inner = FlowMap.read(source, parts.payload) if parts.payload.kind == "map" else None
    present = [key.value for key, _ in parts.node.pairs if key.value in parts.members]
    if inner is None and present:
        padding = task.padding
        quote = keyword.quote
        primary = FlowEntry(parts.primary, f"{quote}{parts.primary}{quote}: ", keyword.value)
        inner = FlowMap([primary], [padding, padding])
    if inner is not None:
        _fill(parts, task, place, inner)
        place = task.index(parts.word) or 0
        before = keyword.before if keyword.before.endswith((" ", "\n")) else f"{keyword.before} "
        task.entries[place] = FlowEntry(parts.word, before, inner.text())
    config = parts.node.get(grammar.CONFIG)
    index = task.index(grammar.CONFIG)
    if config is not None and index is not None:
        task.splice(index, FlowMap.read(source, config))
    return task.text()


def _fill(parts: TaskParts, task: FlowMap, place: int, inner: FlowMap) -> None:
    """Move the fields beside the keyword into it, and its tools out of it."""
    tools = inner.index("allowedTools") if parts.has_tools else None
    lifted = inner.pop(tools) if tools is not None else None
    while place + 1 < len(task.entries) and task.entries[place + 1].name in parts.members:
        entry, gap = task.take_following(place)
        inner.insert_after(len(inner.entries) - 1, entry, gap)
    for name in [entry.name for entry in task.entries if entry.name in parts.members]:
        index = task.index(name)
        if index is not None:
            inner.insert_after(len(inner.entries) - 1, task.pop(index))
    if lifted is not None:
        task.insert_after(task.index(parts.word) or 0, lifted)
