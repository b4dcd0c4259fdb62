"""What a task may see of the others: the outputs and the conversation of its ancestors. Nothing of it ever changes.

All views of a run share one dictionary that is only ever added to. That is safe since a task's ancestors have all
ended for good before it is looked at; so a view costs a few words of memory, not a copy of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, compress
from types import MappingProxyType
from typing import Final

from nika_core.model.graph import Graph
from nika_core.model.json import Json
from nika_core.model.large_values import LargeValue, value_of
from nika_core.model.message import Message

NO_OUTPUTS: Final[Mapping[str, Json]] = MappingProxyType({})


class AllOutputs(Mapping[str, Json]):
    """The outputs of a workflow's tasks, large ones read when they are asked for."""

    __slots__ = ("_all",)

    def __init__(self, everything: Mapping[str, Json | LargeValue]) -> None:
        self._all = everything

    def __getitem__(self, task: str) -> Json:
        return value_of(self._all[task])  # type: ignore[no-any-return]  # outputs are JSON

    def __contains__(self, task: object) -> bool:
        return task in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


class VisibleOutputs(Mapping[str, Json]):
    """The outputs of one task's ancestors, in declared order."""

    __slots__ = ("_all", "_ancestors", "_graph", "_sources", "_task")

    def __init__(self, everything: Mapping[str, Json | LargeValue], graph: Graph, task: str) -> None:
        self._all = everything
        self._graph = graph
        self._task = task
        self._sources: frozenset[str] | None = None
        self._ancestors: frozenset[str] | None = None

    def __getitem__(self, task: str) -> Json:
        if self._visible(task):
            return value_of(self._all[task])  # type: ignore[no-any-return]  # outputs are JSON
        raise KeyError(task)

    def __contains__(self, task: object) -> bool:
        return task in self._all and self._visible(task)

    def __iter__(self) -> Iterator[str]:
        ancestors = self._known_ancestors()
        return (task for task in self._graph.order if task in ancestors and task in self._all)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _visible(self, task: object) -> bool:
        if self._sources is None:
            self._sources = frozenset(edge.source for edge in self._graph.incoming[self._task])
        # Nearly every look is at a direct source (templates make edges); only others need the whole ancestry.
        return task in self._sources or task in self._known_ancestors()

    def _known_ancestors(self) -> frozenset[str]:
        if self._ancestors is None:
            self._ancestors = self._graph.ancestors(self._task)
        return self._ancestors


class Conversation:
    """The main conversation: what each context task added, and who sees what of it.

    Ancestry among context tasks is kept as one integer per task, a bit for each context task.
    """

    def __init__(self, graph: Graph, context: frozenset[str]) -> None:
        self._order = tuple(task for task in graph.order if task in context)
        seen = graph.ancestors_among(self._order) if context else {}
        self._seen = {task: seen[task] for task in self._order}
        self._messages: dict[str, tuple[Message, ...]] = {}
        self._hashes: dict[str, str] = {}

    def add(self, task: str, messages: tuple[Message, ...], digest: str) -> None:
        """Add the messages of a context task that has ended well."""
        self._messages[task] = messages
        self._hashes[task] = digest

    def seen_by(self, task: str) -> tuple[Message, ...]:
        """Return the messages of those context tasks that are ancestors of `task`, in declared order."""
        return tuple(chain.from_iterable(filter(None, map(self._messages.get, self._sources(task)))))

    def all(self) -> tuple[Message, ...]:
        """Return everything that was said, in declared order."""
        return tuple(message for source in self._order for message in self._messages.get(source, ()))

    def hashes(self, task: str) -> tuple[str, ...]:
        """Return the same as hashes: one for each ancestor that said something."""
        return tuple(filter(None, map(self._hashes.get, self._sources(task))))

    def __contains__(self, task: str) -> bool:
        return task in self._seen

    def _sources(self, task: str) -> Iterator[str]:
        bits = bin(self._seen.get(task, 0))[:1:-1]  # lowest (first declared) first
        return compress(self._order, map("1".__eq__, bits))
