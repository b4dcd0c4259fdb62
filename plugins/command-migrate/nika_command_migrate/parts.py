"""What of a task stands in another place in v5, and what cannot be moved."""

from __future__ import annotations

from dataclasses import dataclass

from nika_command_migrate import grammar
from nika_command_migrate.tree import Node


class CannotError(Exception):
    """A task that cannot be put in order; `offset` is where."""

    def __init__(self, message: str, offset: int, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


def members(word: str) -> frozenset[str]:
    """Return the keys beside a keyword that belong under it, by their new names."""
    renamed = grammar.RENAMED.get(word, {})
    names = {renamed.get(name, name) for name in grammar.KEYWORDS[word].beside}
    return frozenset(names | ({grammar.JSON_BODY} if word == "http" else set()))


def out_of_order(task: Node, word: str) -> bool:
    """Return whether anything of a task is not where v5 has it."""
    payload = task.get(word)
    return (
        task.get(grammar.CONFIG) is not None
        or bool(members(word) & set(task.names()))
        or (word in grammar.WITH_TOOLS and payload is not None and payload.get("allowedTools") is not None)
    )


@dataclass(frozen=True, slots=True)
class TaskParts:
    """A task, its keyword with its payload, and the names of the fields that belong under the keyword."""

    node: Node
    word: str
    key: Node
    payload: Node
    members: frozenset[str]

    @classmethod
    def of(cls, node: Node, word: str) -> TaskParts:
        """Read the parts of a task. Raise CannotError if something stands in two places, or is of the wrong kind."""
        pair = node.pair(word)
        assert pair is not None  # the word is a key of the task
        parts = cls(node, word, *pair, members(word))
        parts._refuse_conflicts()
        return parts

    @property
    def primary(self) -> str:
        """The field that the keyword's scalar is."""
        return grammar.KEYWORDS[self.word].primary

    @property
    def has_tools(self) -> bool:
        """Whether a task with this keyword may have tools."""
        return self.word in grammar.WITH_TOOLS

    def _refuse_conflicts(self) -> None:
        inner, config = self.payload, self.node.get(grammar.CONFIG)
        for key, _ in self.node.pairs:
            if key.value in self.members and inner.get(key.value) is not None:
                raise self._twice(key, f"beside '{self.word}' and in it")
        if inner.get("allowedTools") is not None and (tools := self.node.pair("allowedTools")):
            raise self._twice(tools[0], f"on the task and in '{self.word}'")
        if config is not None:
            if config.kind != "map":
                raise CannotError(
                    "'config' is not a mapping", config.start, "write config: {timeout: 30s}, or remove it"
                )
            for key, _ in config.pairs:
                if self.node.get(key.value) is not None:
                    raise self._twice(key, "on the task and in 'config'")
        if inner.kind == "seq" or (self.payload.is_empty and self.members & set(self.node.names())):
            raise CannotError(f"'{self.word}' has no {self.primary}", self.key.start, f"write its {self.primary}")

    def _twice(self, key: Node, where: str) -> CannotError:
        return CannotError(f"'{key.value}' stands {where}", key.start, "keep the one that is meant")
