"""A task in block style, put in order line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_command_migrate import grammar
from nika_command_migrate.flow_style import FlowMap
from nika_command_migrate.layout import Entry, Layout
from nika_command_migrate.parts import TaskParts
from nika_command_migrate.source import Edit, is_blank
from nika_command_migrate.tree import Node, block_header

_KEPT: Final = "\0"  # stands behind a block scalar that keeps the blank lines behind it


class BlockTask:
    """One task. `step`: by how many columns the file indents."""

    def __init__(self, layout: Layout, parts: TaskParts, step: int) -> None:
        self.layout, self.source, self.parts, self.step = layout, layout.source, parts, step
        self.entries = layout.entries(parts.node)
        self.column = self.source.column_of(self.entries[0].key.start)
        self.last = self.entries[-1].value  # what was written last

    def edit(self) -> Edit:
        """Return what takes the place of the task's text."""
        entries = self.entries
        behind = entries[-1].last + 1
        lines = self._lines(entries)
        if lines[-1] == _KEPT and entries[-1].value is not self.last:
            while behind < len(self.source) and is_blank(self.source.line(behind)):
                behind += 1
        lines = _tidied(lines)
        lines[0] = " " * self.column + lines[0].lstrip(" ")
        end = self.source.start(behind)
        newline = self.source.newline
        whole = [line if line.endswith(("\n", "\r")) else line + newline for line in lines]
        if (
            not self.source.line(entries[-1].last).endswith(("\n", "\r"))
            and not _last_scalar(self.last).is_block_scalar
        ):
            whole[-1] = whole[-1].rstrip("\r\n")  # the file's last line has no end
        return Edit(entries[0].key.start, end, "".join(whole)[self.column :])

    def _lines(self, entries: Sequence[Entry]) -> list[str]:
        lines: list[str] = []
        place = next(index for index, entry in enumerate(entries) if entry.key is self.parts.key)
        members = [entry for entry in entries if entry.key.value in self.parts.members]
        for index, entry in enumerate(entries):
            if index == place:
                lines += self._group(entries, place, members)
            elif entry.key.value == grammar.CONFIG:
                lines += self._config(entry)
            elif entry not in members:
                lines += self._lead(entry, 0) + self._body(entry, 0, self.column)
        return lines

    def _group(self, entries: Sequence[Entry], place: int, members: Sequence[Entry]) -> list[str]:
        entry = entries[place]
        if self.parts.payload.kind == "map":
            if self.parts.payload.flow:
                return self._flow_payload(entry, members)
            return self._block_payload(entry, members)
        if not members:
            return self._lead(entry, 0) + self._body(entry, 0, self.column)
        return self._nested(entries, place, members)

    def _nested(self, entries: Sequence[Entry], place: int, members: Sequence[Entry]) -> list[str]:
        """Turn the scalar and the fields beside it into a mapping. Fields that stand right before it stay before it."""
        first = place
        while first and entries[first - 1] in members:
            first -= 1
        before = entries[first:place]
        lines: list[str] = []
        if not before:
            lines += self._lead(entries[place], 0)
        lines.append(
            f"{' ' * self.column}{self.source.text[self.parts.key.start : self.parts.key.end]}:{self.source.newline}"
        )
        for entry in before:
            lines += self._lead(entry, self.step, close=entry is before[0]) + self._moved(entry)
        if before:
            lines += self._lead(entries[place], self.step)
        lines += self._body(entries[place], self.step, self.column + self.step, self.parts.primary)
        previous = place
        for entry in members:
            if entry not in before:
                follows = entries.index(entry) == previous + 1
                previous = entries.index(entry)
                lines += self._lead(entry, self.step, close=not follows) + self._moved(entry)
        return lines

    def _moved(self, entry: Entry) -> list[str]:
        return self._body(entry, self.step, self.column + self.step)

    def _block_payload(self, entry: Entry, members: Sequence[Entry]) -> list[str]:
        children = self.layout.entries(self.parts.payload)
        inner = self.source.column_of(children[0].key.start)
        lines = self._lead(entry, 0)
        lines += self._body_lines(entry.first, children[0].first - 1, 0, entry.key, self.column)
        lifted: list[str] = []
        for child in children:
            if child.key.value == "allowedTools" and self.parts.has_tools:
                delta = self.column - inner
                lifted += self._lead(child, delta, close=True) + self._body(child, delta, self.column)
            else:
                lines += self._lead(child, 0) + self._body(child, 0, inner)
        lines += self.layout.shifted(children[-1].last + 1, entry.last, 0)
        for member in members:
            delta = inner - self.column
            lines += self._lead(member, delta, close=True) + self._body(member, delta, inner)
        return lines + lifted

    def _flow_payload(self, entry: Entry, members: Sequence[Entry]) -> list[str]:
        self.last = self.parts.payload
        flow = FlowMap.read(self.source, self.parts.payload)
        tools = flow.index("allowedTools") if self.parts.has_tools else None
        lifted = [flow.pop(tools)] if tools is not None else []
        before = self.source.text[self.parts.key.start : self.parts.payload.start]
        after = self.source.text[self.parts.payload.end : self.source.start(entry.last + 1)]
        indent = " " * self.column
        lines = self._lead(entry, 0)
        if members:
            lines.append(f"{indent}{before.rstrip()}{after.rstrip()}{self.source.newline}")
            lines += [f"{indent}{' ' * self.step}{line}{self.source.newline}" for line in flow.lines()]
            for member in members:
                lines += self._lead(member, self.step, close=True) + self._moved(member)
        else:
            lines.append(f"{indent}{before}{flow.text()}{after}")
        return lines + [f"{indent}{found.text}{self.source.newline}" for found in lifted]

    def _config(self, entry: Entry) -> list[str]:
        """Return the entries of `config`, one column group further left; comments about `config` stay above them."""
        source, config, indent = self.source, entry.value, " " * self.column
        lines = self._lead(entry, 0)
        self.last = config
        if config.flow:
            found = [f"{indent}{line}{source.newline}" for line in FlowMap.read(source, config).lines()]
            after = source.text[config.end : source.start(entry.last + 1)].rstrip()
            if after and found and "#" not in found[-1]:
                found[-1] = f"{found[-1].rstrip()}{after}{source.newline}"
            elif after:
                found.append(f"{indent}{after.strip()}{source.newline}")
            return lines + found
        children = self.layout.entries(config)
        delta = self.column - source.column_of(children[0].key.start)
        rest = source.line_rest(entry.key.end).strip().lstrip(":").strip()
        if rest:
            lines.append(f"{indent}{rest}{source.newline}")
        lines += self.layout.shifted(entry.first + 1, children[0].first - 1, delta)
        for child in children:
            lines += self._lead(child, delta) + self._body(child, delta, self.column)
        return lines + self.layout.shifted(children[-1].last + 1, entry.last, delta)

    def _lead(self, entry: Entry, delta: int, *, close: bool = False) -> list[str]:
        """Return the comments and blank lines before an entry; with `close` no blank ones."""
        lines = self.layout.shifted(entry.lead, entry.first - 1, delta)
        return [line for line in lines if not is_blank(line)] if close else lines

    def _body(self, entry: Entry, delta: int, column: int, name: str | None = None) -> list[str]:
        lines = self._body_lines(entry.first, entry.last, delta, entry.key, column, name)
        self.last, scalar = entry.value, _last_scalar(entry.value)
        if scalar.is_block_scalar and "+" in block_header(self.source, scalar):
            lines.append(_KEPT)
        return lines

    def _body_lines(
        self, first: int, last: int, delta: int, key: Node, column: int, name: str | None = None
    ) -> list[str]:
        """Return an entry's lines at another column; `name` takes the place of its key."""
        start = key.start if name is None else key.end
        head = f"{' ' * column}{name or ''}{self.source.text[start : self.source.start(first + 1)]}"
        return [head, *self.layout.shifted(first + 1, last, delta)]


def _tidied(lines: list[str]) -> list[str]:
    """Remove blank lines at the start, and those that would become the text of the block scalar before them."""
    found: list[str] = []
    open_ = True
    for line in lines:
        if line == _KEPT:
            open_ = True
        elif not (open_ and is_blank(line)):
            found.append(line)
            open_ = False
    return found


def _last_scalar(value: Node) -> Node:
    """Return what stands at the end of a value."""
    while not value.flow and (value.pairs or value.items):
        value = value.pairs[-1][1] if value.pairs else value.items[-1]
    return value
