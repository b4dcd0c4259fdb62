"""What each check is given: the workflow, its plugins' descriptions, and places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from nika_core.document.checks.task_payloads import TaskPayloads
from nika_core.document.plugin_catalog import PluginCatalog
from nika_core.errors import NikaError, Place, PluginError
from nika_core.model.graph import Graph, build_graph
from nika_core.model.json import JsonObject
from nika_core.model.limits import Limits
from nika_core.model.template import Placeholder
from nika_core.model.workflow import Binding, NodePath, Task, Workflow
from nika_core.plugin import Keyword, Scope, TypedSource
from nika_core.values import replace


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


def depends_on(catalog: PluginCatalog, placeholder: Placeholder) -> tuple[str, ...]:
    """Return the tasks that a placeholder names; none if its source fails, which is reported elsewhere."""
    found: dict[str, None] = {}
    for member in placeholder.members:
        with suppress(NikaError):
            found |= dict.fromkeys(catalog.source(member.source).depends_on(member))
    return tuple(found)


def is_optional(catalog: PluginCatalog, placeholder: Placeholder) -> bool:
    """Return whether a placeholder may have a value though the tasks that it names have no output."""
    return placeholder.is_optional or asks_no_output(catalog, placeholder)


def asks_no_output(catalog: PluginCatalog, placeholder: Placeholder) -> bool:
    """Return whether a reference waits for the tasks that it names without needing an output."""
    try:
        return catalog.template_source(placeholder.source).optional
    except NikaError:  # reported elsewhere
        return False


def is_known_before_run(catalog: PluginCatalog, placeholder: Placeholder) -> bool:
    """Return whether a placeholder's value is known before anything runs. Raise PluginError."""
    return all(
        catalog.template_source(member.source).known_before_run
        and not catalog.template_source(member.source).late
        and not tuple(catalog.source(member.source).depends_on(member))
        for member in placeholder.members
    )


def reads(catalog: PluginCatalog, reference: Placeholder, binding: Binding) -> bool:
    """Return whether a reference's value is taken from such a binding of its task; False if its source is unknown."""
    try:
        return catalog.template_source(reference.source).binding is binding
    except NikaError:  # reported elsewhere
        return False


def is_late(catalog: PluginCatalog, placeholder: Placeholder) -> bool:
    """Return whether a value that a placeholder may have is a secret that is known only when its task starts."""
    with suppress(NikaError):  # reported elsewhere
        return any(catalog.template_source(member.source).late for member in placeholder.members)
    return False


@dataclass
class Context:
    """A workflow under check.

    Attributes:
        environ: the environment of the run; None: it is not known, and every variable may be set.
        settings: of the project file, by keyword.
        broken_sections: root keys of plugins that were refused: their keywords cannot tell what is there.
        check_time: called again and again; raises when the time for a validation is over.
    """

    workflow: Workflow
    catalog: PluginCatalog
    limits: Limits
    environ: Mapping[str, str] | None
    settings: Mapping[str, JsonObject]
    broken_sections: frozenset[str] = frozenset()
    check_time: Callable[[], None] = lambda: None
    _needed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        return {task.id: task for task in self.workflow.tasks}

    @cached_property
    def keywords(self) -> dict[str, Keyword | None]:
        """Return the keywords of the tasks by their words; None if no plugin has one."""
        return {word: self.keyword(word) for word in dict.fromkeys(task.keyword for task in self.workflow.tasks)}

    @cached_property
    def payloads(self) -> TaskPayloads:
        return TaskPayloads(self.workflow, self.limits, self.settings, self.environ)

    @cached_property
    def named(self) -> dict[str, Task]:
        """Return the tasks without those whose id is invalid or taken, which have a number (`#2`) instead."""
        return {name: task for name, task in self.tasks.items() if not name.startswith("#")}

    @cached_property
    def graph(self) -> Graph:
        optional = partial(is_optional, self.catalog)
        return build_graph(self.workflow.tasks, self.workflow.flows, self.depends_on, optional)

    @cached_property
    def scope(self) -> Scope:
        environ = _Anything() if self.environ is None else self.environ
        return Scope(self.named, self.workflow.inputs, environ)

    def can_be_asked(self, keyword: Keyword) -> bool:
        """Return whether a keyword has all that its check needs: it would miss what is in a broken section."""
        return self.broken_sections.isdisjoint(keyword.sections)

    def keyword(self, word: str) -> Keyword | None:
        """Return a keyword's description; None if no plugin has one, which reading the document reported."""
        try:
            return self.catalog.keyword(word)
        except PluginError:
            return None

    def known_schema(self, reference: Placeholder, scope: Scope | None = None) -> JsonObject | None:
        """Return what the source of a reference, without its pipes, knows of its value, as JSON Schema; None: nothing.

        Args:
            scope: what is known where it stands; None: what is known everywhere.
        """
        try:
            source = self.catalog.source(reference.source)
            return source.schema(reference, scope or self.scope) if isinstance(source, TypedSource) else None
        except NikaError:  # reported elsewhere
            return None

    def asks_no_output(self, placeholder: Placeholder) -> bool:
        """Return whether a reference waits for the tasks that it names without needing an output."""
        return asks_no_output(self.catalog, placeholder)

    def may_be_missing(self, placeholder: Placeholder) -> bool:
        """Return whether a reference may have no value whatever has run."""
        try:
            return self.catalog.template_source(placeholder.source).may_be_missing
        except NikaError:  # reported elsewhere
            return False

    def depends_on(self, placeholder: Placeholder) -> tuple[str, ...]:
        """Return the tasks that a placeholder names."""
        needed = self._needed.get(placeholder.text)  # several checks ask, and most placeholders stand in many tasks
        if needed is None:
            needed = self._needed[placeholder.text] = depends_on(self.catalog, placeholder)
        return needed


def place_of(at: Any, path: NodePath, placeholder: Placeholder) -> Place:
    """Return the place of a placeholder, to its last character. `at`: of its task, flow or workflow."""
    start: Place = at((*path, placeholder.start))
    last: Place = at((*path, placeholder.end - 1))
    if start.column is None or last.line != start.line or last.column is None or last.column < start.column:
        return replace(start, end_column=None)
    return replace(start, end_column=last.column + 1)
