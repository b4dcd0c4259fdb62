"""What each check is given: the workflow, its plugins' descriptions, and places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nika_core import codes
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.errors import Place, PluginError, Problem
from nika_core.model.graph import Graph, build_graph
from nika_core.model.json import JsonObject
from nika_core.model.limits import Limits
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Path_, Task, Workflow
from nika_core.plugin import Keyword, Scope, Source


class _Anything(Mapping[str, str]):
    """An environment of which nothing is known: every variable may be set."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> str:
        return ""

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(slots=True)
class Words:
    """Keywords and sources, each asked for once. What is missing is None: reading the document reported it."""

    catalog: PluginCatalog
    _keywords: dict[str, Keyword | None] = field(default_factory=dict)
    _sources: dict[str, Source | None] = field(default_factory=dict)
    _needed: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def keyword(self, word: str) -> Keyword | None:
        """Return the keyword's description; None if no plugin has one."""
        if word not in self._keywords:
            try:
                self._keywords[word] = self.catalog.keyword(word)
            except PluginError:
                self._keywords[word] = None
        return self._keywords[word]

    def source(self, name: str) -> Source | None:
        """Return the template source; None if no plugin has one."""
        if name not in self._sources:
            try:
                self._sources[name] = self.catalog.source(name)
            except PluginError:
                self._sources[name] = None
        return self._sources[name]

    def depends_on(self, placeholder: Placeholder) -> tuple[str, ...]:
        """Return the tasks whose outputs a placeholder needs; none if its source cannot say."""
        key = (placeholder.source, placeholder.text)
        tasks = self._needed.get(key)
        if tasks is None:
            tasks = self._needed[key] = self._ask(placeholder)
        return tasks

    def _ask(self, placeholder: Placeholder) -> tuple[str, ...]:
        source = self.source(placeholder.source)
        if source is None:
            return ()
        try:
            return tuple(source.depends_on(placeholder))
        except Exception:  # the check of references, which asks the same source, reports it
            return ()


@dataclass
class Context:
    """A workflow under check."""

    workflow: Workflow
    words: Words
    limits: Limits
    environ: Mapping[str, str] | None
    settings: Mapping[str, JsonObject]
    broken_sections: frozenset[str] = frozenset()

    @cached_property
    def tasks(self) -> dict[str, Task]:
        return {task.id: task for task in self.workflow.tasks}

    @cached_property
    def named(self) -> dict[str, Task]:
        """Return the tasks without those whose id is invalid or taken, which have a number (`#2`) instead."""
        return {name: task for name, task in self.tasks.items() if not name.startswith("#")}

    @cached_property
    def graph(self) -> Graph:
        return build_graph(self.workflow.tasks, self.workflow.flows, self.words.depends_on)

    @cached_property
    def scope(self) -> Scope:
        environ = _Anything() if self.environ is None else self.environ
        return Scope(self.named, self.workflow.inputs, environ)

    def can_be_asked(self, keyword: Keyword) -> bool:
        """Return whether a keyword has all that its check needs: it would miss what is in a broken section."""
        return self.broken_sections.isdisjoint(keyword.sections)

    def keyword_of(self, task: Task) -> Keyword | None:
        """Return the description of a task's keyword."""
        return self.words.keyword(task.keyword)


def plugin_failed(what: str, doing: str, error: Exception, place: Place | None) -> Problem:
    """Return the problem of a plugin whose code failed."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Problem(
        codes.PLUGIN_BROKEN,
        f"{what} failed while it checked {doing}: {text[:500]}",
        place,
        "this is a bug in the plugin that brings it; `nika plugins list` names the plugin",
    )


def place_of(at: Any, path: Path_, placeholder: Placeholder) -> Place:
    """Return the place of a placeholder, to its last character. `at`: of its task, flow or workflow."""
    start: Place = at((*path, placeholder.start))
    last: Place = at((*path, placeholder.end - 1))
    if start.column is None or last.line != start.line or last.column is None or last.column < start.column:
        return replace(start, end_column=None)
    return replace(start, end_column=last.column + 1)
