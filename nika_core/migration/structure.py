"""Flat fields go under their keyword, and what stood in `config` goes to the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.migration import grammar
from nika_core.migration.flow_style import FlowEntry, FlowMap
from nika_core.migration.layout import Entry, Layout, nodes_in
from nika_core.migration.source import Edit, Source, apply, is_blank
from nika_core.migration.tree import Document, Node, block_header, parse


class CannotError(Exception):
    """A task that cannot be put in order; `offset` is where."""

    def __init__(self, message: str, offset: int, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


def restructured(document: Document) -> Document:
    """The document with every task as v5 has it. Raises CannotError, and NotYamlError when that went wrong."""
    document = _closed_at_the_end(document)
    root = document.root
    if root is None:
        return document
    layout, step = Layout(document), _step(document.source, root)
    edits = [
        _Task(layout, task, word, step).edit()
        for task in grammar.tasks_of(root)
        if (word := grammar.keyword_of(task)) is not None and _out_of_order(task, word)
    ]
    return parse(apply(document.source.text, edits)) if edits else document


def _closed_at_the_end(document: Document) -> Document:
    """A last line without an end gives a block scalar no line break; elsewhere only `|-` says so."""
    source, root = document.source, document.root
    tasks = grammar.tasks_of(root) if root is not None else []
    word = grammar.keyword_of(tasks[-1]) if tasks else None
    if word is None or source.text.endswith(("\n", "\r")) or not _out_of_order(tasks[-1], word):
        return document
    for node in nodes_in(root):
        if node.is_block_scalar and node.end == len(source.text) and "-" not in (header := block_header(source, node)):
            edit = Edit(node.start, node.start + len(header), header.replace("+", "") + "-")
            return parse(apply(source.text, [edit]))
    return document


def members(word: str) -> frozenset[str]:
    """The keys beside a keyword that belong under it, by their new names."""
    renamed = grammar.RENAMED.get(word, {})
    names = {renamed.get(name, name) for name in grammar.KEYWORDS[word].beside}
    return frozenset(names | ({grammar.JSON_BODY} if word == "http" else set()))


def _out_of_order(task: Node, word: str) -> bool:
    payload = task.get(word)
    return (
        task.get(grammar.CONFIG) is not None
        or bool(members(word) & set(task.names()))
        or (word in grammar.WITH_TOOLS and payload is not None and payload.get("allowedTools") is not None)
    )


def _step(source: Source, root: Node) -> int:
    """By how many columns the file indents: what its first nested block mapping does."""
    tasks = [pair for task in grammar.tasks_of(root) if not task.flow for pair in task.pairs]
    agent = [pair] if (pair := root.pair("agent")) else []
    for key, value in (*agent, *tasks):
        if value.kind == "map" and value.pairs and not value.flow:
            return max(source.column_of(value.pairs[0][0].start) - source.column_of(key.start), 1)
    return 2


class _Task:
    """One task that is put in order."""

    def __init__(self, layout: Layout, node: Node, word: str, step: int) -> None:
        self.layout, self.source, self.node, self.word, self.step = layout, layout.source, node, word, step
        self.primary = grammar.KEYWORDS[word].primary
        self.members = members(word)
        pair = node.pair(word)
        if pair is None:
            raise CannotError(f"the task has no '{word}'", node.start, "give it one")
        self.key, self.payload = pair
        self.last_kept: Node | None = None
        self.column = 0
        self._refuse_conflicts()

    def _refuse_conflicts(self) -> None:
        inner, config = self.payload, self.node.get(grammar.CONFIG)
        for key, _ in self.node.pairs:
            if key.value in self.members and inner.get(key.value) is not None:
                raise self._twice(key, f"beside '{self.word}' and in it")
        if inner.get("allowedTools") is not None and (tools := self.node.pair("allowedTools")):
            raise self._twice(tools[0], f"on the task and in '{self.word}'")
        if config is not None:
            if config.kind != "map":
                raise CannotError("'config' is no mapping", config.start, "write config: {timeout: 30s}, or remove it")
            for key, _ in config.pairs:
                if self.node.get(key.value) is not None:
                    raise self._twice(key, "on the task and in 'config'")
        if inner.kind == "seq" or (self.payload.is_empty and self.members & set(self.node.names())):
            raise CannotError(f"'{self.word}' has no {self.primary}", self.key.start, f"write its {self.primary}")

    def _twice(self, key: Node, where: str) -> CannotError:
        return CannotError(f"'{key.value}' stands {where}", key.start, "keep the one that is meant")

    def edit(self) -> Edit:
        """What takes the place of the task's text."""
        if self.node.flow:
            return Edit(self.node.start, self.node.end, self._flow_text())
        entries = self.layout.entries(self.node)
        self.column = self.source.column_of(entries[0].key.start)
        behind = entries[-1].last + 1
        lines = self._lines(entries)
        if lines[-1] == _KEPT and entries[-1].value is not self.last_kept:
            while behind < len(self.source) and is_blank(self.source.line(behind)):
                behind += 1
        lines = _tidied(lines)
        lines[0] = " " * self.column + lines[0].lstrip(" ")
        end = self.source.start(behind)
        newline = self.source.newline
        whole = [line if line.endswith(("\n", "\r")) else line + newline for line in lines]
        last = self.source.line(entries[-1].last)
        if not last.endswith(("\n", "\r")) and lines[-1].strip() == last.strip():
            whole[-1] = whole[-1].rstrip("\r\n")  # the file's last line has no end, and is still the last one
        return Edit(entries[0].key.start, end, "".join(whole)[self.column :])

    # Block style

    def _lines(self, entries: Sequence[Entry]) -> list[str]:
        lines: list[str] = []
        place = next(index for index, entry in enumerate(entries) if entry.key is self.key)
        members = [entry for entry in entries if entry.key.value in self.members]
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
        if self.payload.kind == "map":
            if self.payload.flow:
                return self._flow_payload(entry, members)
            return self._block_payload(entry, members)
        if not members:
            return self._lead(entry, 0) + self._body(entry, 0, self.column)
        return self._nested(entries, place, members)

    def _nested(self, entries: Sequence[Entry], place: int, members: Sequence[Entry]) -> list[str]:
        """The scalar and the fields beside it become a mapping. Fields that stand right before it stay before it."""
        first = place
        while first and entries[first - 1] in members:
            first -= 1
        before = entries[first:place]
        lines: list[str] = []
        if not before:
            lines += self._lead(entries[place], 0)
        lines.append(f"{' ' * self.column}{self.source.text[self.key.start : self.key.end]}:{self.source.newline}")
        for entry in before:
            lines += self._lead(entry, self.step, close=entry is before[0]) + self._moved(entry)
        if before:
            lines += self._lead(entries[place], self.step)
        lines += self._body(entries[place], self.step, self.column + self.step, self.primary)
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
        children = self.layout.entries(self.payload)
        inner = self.source.column_of(children[0].key.start)
        lines = self._lead(entry, 0)
        lines += self._body_lines(entry.first, children[0].first - 1, 0, entry.key, self.column)
        lifted: list[str] = []
        for child in children:
            if child.key.value == "allowedTools" and self.word in grammar.WITH_TOOLS:
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
        flow = FlowMap.read(self.source, self.payload)
        tools = flow.index("allowedTools") if self.word in grammar.WITH_TOOLS else None
        lifted = [flow.pop(tools)] if tools is not None else []
        before = self.source.text[self.key.start : self.payload.start]
        after = self.source.text[self.payload.end : self.source.start(entry.last + 1)]
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
        """The entries of `config`, one column group further left; what was said about `config` stays above them."""
        source, config, indent = self.source, entry.value, " " * self.column
        lines = self._lead(entry, 0)
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
        """The comments and blank lines before an entry; with `close` no blank ones."""
        lines = self.layout.shifted(entry.lead, entry.first - 1, delta)
        return [line for line in lines if not is_blank(line)] if close else lines

    def _body(self, entry: Entry, delta: int, column: int, name: str | None = None) -> list[str]:
        lines = self._body_lines(entry.first, entry.last, delta, entry.key, column, name)
        if self._ends_kept(entry.value):
            self.last_kept = entry.value
            lines.append(_KEPT)
        return lines

    def _body_lines(
        self, first: int, last: int, delta: int, key: Node, column: int, name: str | None = None
    ) -> list[str]:
        """An entry's lines at another column; `name` takes the place of its key."""
        start = key.start if name is None else key.end
        head = f"{' ' * column}{name or ''}{self.source.text[start : self.source.start(first + 1)]}"
        return [head, *self.layout.shifted(first + 1, last, delta)]

    def _ends_kept(self, value: Node) -> bool:
        """Whether blank lines behind a value would become its text."""
        while not value.flow and (value.pairs or value.items):
            value = value.pairs[-1][1] if value.pairs else value.items[-1]
        return value.is_block_scalar and "+" in block_header(self.source, value)

    # Flow style

    def _flow_text(self) -> str:
        source = self.source
        task = FlowMap.read(source, self.node)
        place = task.index(self.word) or 0
        keyword = task.entries[place]
        inner = FlowMap.read(source, self.payload) if self.payload.kind == "map" else None
        present = [key.value for key, _ in self.node.pairs if key.value in self.members]
        if inner is None and present:
            padding = task.padding
            quote = keyword.quote
            primary = FlowEntry(self.primary, f"{quote}{self.primary}{quote}: ", keyword.value)
            inner = FlowMap([primary], [padding, padding])
        if inner is not None:
            self._fill(task, place, inner)
            place = task.index(self.word) or 0
            before = keyword.before if keyword.before.endswith((" ", "\n")) else f"{keyword.before} "
            task.entries[place] = FlowEntry(self.word, before, inner.text())
        config = self.node.get(grammar.CONFIG)
        index = task.index(grammar.CONFIG)
        if config is not None and index is not None:
            task.splice(index, FlowMap.read(source, config))
        return task.text()

    def _fill(self, task: FlowMap, place: int, inner: FlowMap) -> None:
        """Move the fields beside the keyword into it, and its tools out of it."""
        tools = inner.index("allowedTools") if self.word in grammar.WITH_TOOLS else None
        lifted = inner.pop(tools) if tools is not None else None
        while place + 1 < len(task.entries) and task.entries[place + 1].name in self.members:
            entry, gap = task.take_following(place)
            inner.insert_after(len(inner.entries) - 1, entry, gap)
        for name in [entry.name for entry in task.entries if entry.name in self.members]:
            index = task.index(name)
            if index is not None:
                inner.insert_after(len(inner.entries) - 1, task.pop(index))
        if lifted is not None:
            task.insert_after(task.index(self.word) or 0, lifted)


_KEPT: Final = "\0"  # stands behind a block scalar that keeps the blank lines behind it


def _tidied(lines: list[str]) -> list[str]:
    """No blank lines at the start, and none that would become the text of the block scalar before them."""
    found: list[str] = []
    open_ = True
    for line in lines:
        if line == _KEPT:
            open_ = True
        elif not (open_ and is_blank(line)):
            found.append(line)
            open_ = False
    return found
