"""What migration cannot carry over, or what v5 does differently: found in the old file, told with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from nika_command_migrate import grammar, scalars, values
from nika_command_migrate.notes import Note, note_at
from nika_command_migrate.text_findings import task_text_notes, v4_template_notes
from nika_command_migrate.tree import Document, Node
from nika_command_migrate.wiring import wiring_notes
from nika_core import Severity
from nika_core.toolbox.templates import why_not_an_id


@dataclass(frozen=True, slots=True)
class MigrationContext:
    """What is known about the place where a workflow runs.

    `servers`: the MCP servers of a `.mcp.json` beside it; `node`: whether JavaScript functions can run.
    """

    servers: Collection[str] = ()
    node: bool = True


def find_notes(document: Document, surroundings: MigrationContext) -> list[Note]:
    """Return all notes about a workflow, in no particular order."""
    if document.root is None:
        return []
    return list(_Finder(document, surroundings).all())


def leftovers(document: Document) -> list[Note]:
    """Return what makes `run` take a file for one of v4 although migration can do nothing about it."""
    if document.root is None:
        return []
    finder = _Finder(document, MigrationContext())
    words = [(task, grammar.keyword_of(task)) for task in grammar.tasks_of(document.root)]
    return [found for task, word in words if word for found in finder.strays(task, word, old=False)]


class _Finder:
    def __init__(self, document: Document, surroundings: MigrationContext) -> None:
        assert document.root is not None
        self.root, self.source, self.surroundings = document.root, document.source, surroundings
        self.names = values.names_of(self.root)

    def all(self) -> Iterator[Note]:
        reads = grammar.read_as_v4(self.root)
        yield from self._root(reads)
        seen: dict[str, Node] = {}
        for task, old in zip(grammar.tasks_of(self.root), reads, strict=True):
            yield from self._id(task, seen)
            yield from self._task(task, old)
            yield from task_text_notes(self.source, task, old, self.names)
        yield from wiring_notes(self.source, self.root, reads, self.names)

    def _error(self, node: Node, message: str, hint: str) -> Note:
        return note_at(self.source, node.start, Severity.ERROR, message, hint)

    def _warning(self, offset: int, message: str, hint: str) -> Note:
        return note_at(self.source, offset, Severity.WARNING, message, hint)

    # The file

    def _root(self, reads: list[bool]) -> Iterator[Note]:
        agent = self.root.get("agent")
        needs_model = any(grammar.keyword_of(task) in grammar.NEED_MODEL for task in grammar.tasks_of(self.root))
        if agent is not None and agent.kind == "map":
            model = agent.pair("model")
            if model is None or scalars.is_null(model[1]):
                yield self._error(
                    model[0] if model else agent, "agent.model is missing", "name one: model: claude-sonnet-5"
                )
            if (both := agent.pair("systemPromptFile")) and agent.get("systemPrompt") is not None:
                yield self._error(both[0], "systemPrompt and systemPromptFile are both given", "keep one of them")
            for name in ("allowedTools", "disallowedTools"):
                yield from self._tools(agent.get(name))
            prompt = agent.get("systemPrompt")
            if prompt is not None and prompt.kind == "scalar" and any(reads):
                yield from v4_template_notes(self.source, prompt, self.names)
        elif needs_model:
            yield self._error(
                self.root, "there is no 'agent' block with a model", "write agent: {model: claude-sonnet-5}"
            )
        for key, _ in self.root.pairs:
            if key.value not in grammar.ROOT_KEYS and key.kind == "scalar":
                yield self._error(
                    key,
                    f"v4 ignored '{key.value}', and v5 refuses a key that it does not know",
                    "remove it or put # before it, unless a plugin brings it",
                )

    # One task

    def _id(self, task: Node, seen: dict[str, Node]) -> Iterator[Note]:
        name = task.get("id")
        if name is None:
            yield self._error(task, "the task has no id", "give it one: id: fetch")
            return
        reason = why_not_an_id(name.value, 100)
        if reason:
            yield self._error(name, f"'{name.value}' can be no id: {reason}", "rename the task, and where it is named")
        if name.value in seen:
            line = self.source.line_of(seen[name.value].start) + 1
            yield self._error(name, f"the id '{name.value}' is taken by the task in line {line}", "rename one of them")
        seen.setdefault(name.value, name)

    def _task(self, task: Node, old: bool) -> Iterator[Note]:
        present = [key for key in dict.fromkeys(task.names()) if key in grammar.KEYWORDS]
        if len(present) > 1:
            yield self._error(
                task, f"the task has several keywords: {', '.join(present)}", "make a task of each; v4 took only one"
            )
        word = grammar.keyword_of(task)
        if word is None:
            return
        payload = task.get(word)
        if old:
            yield from self._misplaced(task, word)
            yield from self._rules(task)
        yield from self.strays(task, word, old=old)
        yield from self._tools(task.get("allowedTools"))
        if payload is not None:
            yield from self._tools(payload.get("allowedTools"))
            primary = payload.get(grammar.KEYWORDS[word].primary) if payload.kind == "map" else payload
            if primary is not None and primary.kind == "scalar":
                yield from self._reference(word, primary)
            elif primary is not None:
                yield self._error(primary, f"{word}'s {grammar.KEYWORDS[word].primary} is not text", _QUOTES)

    def strays(self, task: Node, word: str, *, old: bool) -> Iterator[Note]:
        """Yield keys that mean nothing beside this keyword; in a file of v5 (`old` false) only those that v4 had."""
        fits = grammar.KEYWORDS[word].beside | grammar.TASK_KEYS | grammar.KEYWORDS.keys() | {grammar.CONFIG}
        for key, value in task.pairs:
            if key.value not in fits and (old or key.value in grammar.BESIDE) and not scalars.is_null(value):
                yield self._error(
                    key,
                    f"'{key.value}' means nothing on a task with '{word}'; v4 ignored it, v5 refuses it",
                    "remove it, or put # before it",
                )

    def _misplaced(self, task: Node, word: str) -> Iterator[Note]:
        if word not in grammar.WITH_TOOLS and (tools := task.pair("allowedTools")):
            yield self._error(tools[0], f"a task with '{word}' has no tools; v4 ignored the key", "remove it")
        args = task.get("args")
        if word in ("mcp", "function") and args is not None and args.kind == "seq":
            yield self._error(args, "'args' is a list; v5 passes arguments by name", "write args: {name: value}")

    def _rules(self, task: Node) -> Iterator[Note]:
        config = task.get(grammar.CONFIG)
        for holder in (config, task):
            if holder is None:
                continue
            for key, value in holder.pairs:
                if holder is config and key.value not in grammar.CONFIG_KEYS | {"<<"}:
                    yield self._error(key, f"v4 ignored 'config.{key.value}', v5 refuses it", "remove it")
                elif key.value == "onError" and value.value not in grammar.ON_ERROR and not scalars.is_null(value):
                    yield self._error(
                        value, f"onError: {value.value} is not a rule of v5", "write fail (the default) or continue"
                    )
                elif key.value == "retry":
                    yield from self._retry(value)
        for node in values.durations_of(task):
            yield from self._duration(node)

    def _retry(self, retry: Node) -> Iterator[Note]:
        if retry.kind != "map":
            if not scalars.is_null(retry):
                yield self._error(retry, "'retry' is not a mapping", "write retry: {max: 3, backoff: 1s}")
            return
        for key, value in retry.pairs:
            if key.value not in grammar.RETRY_KEYS:
                yield self._error(
                    key, f"v5 knows no 'retry.{key.value}'", "retry has max (attempts in all) and backoff"
                )
            elif key.value == "max" and not re.match(r"[1-9][0-9]*\Z", value.value) and not scalars.is_null(value):
                yield self._error(value, f"retry.max is {value.value}", "v5 counts attempts in all: 1 is not a retry")

    def _duration(self, node: Node) -> Iterator[Note]:
        if scalars.is_null(node):
            return
        if scalars.v5_duration(node.value) is None:
            hint = "write a number with ms, s, m or h"
            if re.match(r"[a-z]+\Z", node.value):
                hint = "v5 always waits exponentially longer, with jitter; write the first wait, e.g. 1s, or remove it"
            yield self._error(node, f"'{node.value}' is not a duration", hint)
        elif node.value.isdigit() and int(node.value) >= 1000:
            yield self._warning(
                node.start, f"{node.value} is read as seconds", f"write {node.value}ms if milliseconds were meant"
            )

    def _reference(self, word: str, node: Node) -> Iterator[Note]:
        if word == "function" and not self.surroundings.node:
            path = node.value.partition("::")[0]
            if path.endswith((".js", ".mjs", ".ts")):
                yield self._warning(
                    node.start,
                    f"{path} is JavaScript, and there is no Node on this machine",
                    "install Node, or write the function in Python",
                )
        if word == "mcp" and "{{" not in node.value:
            server = node.value.partition("::")[0]
            declared = self.root.get("mcpServers")
            if server not in self.surroundings.servers and server not in (declared.names() if declared else ()):
                yield self._error(
                    node,
                    f"nothing says how to start the MCP server '{server}'; v4 left that to another program",
                    f"add mcpServers: {{{server}: {{command: ...}}}} or a .mcp.json beside the workflow",
                )

    def _tools(self, tools: Node | None) -> Iterator[Note]:
        for tool in tools.items if tools is not None else []:
            name = tool.value.partition("(")[0].strip()
            if name in grammar.FOREIGN_TOOLS:
                instead = grammar.FOREIGN_TOOLS[name]
                hint = (
                    f"what does its work here: {instead}" if instead else "remove it, or name a tool that does its work"
                )
                if instead.startswith("mcp::"):
                    hint += " (with a file server in mcpServers)"
                yield self._error(tool, f"'{tool.value}' is a tool of the program that v4 started, not of v5", hint)
            elif found := _MCP_TOOL.match(tool.value):
                yield self._error(
                    tool, f"'{tool.value}' is how another program names a tool", f"write mcp::{found[1]}::{found[2]}"
                )


_QUOTES: Final = "put quotes around the whole value: a template at its start needs them"
_MCP_TOOL: Final = re.compile(r"mcp__([A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*)__([\w-]+)\Z")
