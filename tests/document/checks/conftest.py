"""Workflows as text, read by the real loader with keywords and sources that need no plugin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nika_core import codes
from nika_core.document import load_workflow
from nika_core.errors import PluginError, Problem, TemplateValueError
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import Limit, Limits, Unit
from nika_core.model.path import read_path
from nika_core.model.template import Placeholder
from nika_core.model.workflow import KeywordCategory, Workflow
from nika_core.plugin import Binding, Facets, Keyword, Payload, Report, Scope, SourceReport, TemplateSource, Values
from nika_core.plugin.fields import Anything, Map, MapPattern, Optional, Str
from nika_core.registry import Kind, PluginRecord
from nika_core.registry.guarded_facets import GuardedFacets
from nika_core.registry.guarded_source import GuardedSource

_ASKING = Map({"prompt": Str(), Optional("model"): Str()})


def _keyword(name: str, category: KeywordCategory, primary: str, payload: Any, **more: Any) -> Keyword:
    return Keyword(name=name, summary="", category=category, primary=primary, payload=payload, step="x:Y", **more)


KEYWORDS = {
    keyword.name: keyword
    for keyword in (
        _keyword("talk", KeywordCategory.CONTEXT, "prompt", _ASKING, needs_provider=True),
        _keyword("solo", KeywordCategory.ISOLATED, "prompt", _ASKING, needs_provider=True),
        _keyword(
            "call",
            KeywordCategory.TOOL,
            "name",
            Map({"name": Str(), Optional("args"): Anything(), Optional("env"): MapPattern(Str(), Str())}),
            json_fields=frozenset({"args"}),
            verbatim_fields=frozenset({"code"}),
        ),
    )
}


class Tasks:
    """`{{task}}`, as the built-in source has it, in its smallest form."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        if placeholder.path[0] not in scope.tasks:
            report(f"there is no task '{placeholder.path[0]}'")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        return placeholder.path[:1]

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        raise AssertionError("not before a run")


class Environment:
    """`${env.NAME}`."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        if placeholder.path[0] not in scope.environ and not placeholder.is_optional:
            report("not set", code=codes.ENV_NOT_SET, hint="set it")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        return ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        if placeholder.path[0] not in values.environ:
            raise TemplateValueError("not set", code=codes.ENV_NOT_SET)
        return read_path(values.environ[placeholder.path[0]], placeholder.path[1:])


class States:
    """`${state.task}`: waits for the task, and needs no output."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        return Tasks().check(placeholder, scope, report)

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        return placeholder.path[:1]

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        raise AssertionError("not before a run")

    def schema(self, placeholder: Placeholder, scope: Scope) -> JsonObject:
        return {"enum": ["success", "failed", "skipped", "cancelled"]}


class Broken:
    """A source whose author made a mistake."""

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        raise KeyError("oops")

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        raise ValueError("oops")

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        raise TypeError("oops")


class ToolFacets(Facets):
    """Of a keyword that can be a tool."""

    async def tools(self, reference: str, context: Any) -> Any:
        raise AssertionError("nothing is started")


@dataclass
class PluginCatalog:
    """Everything that a test installs, guarded as the registry guards it."""

    check: Callable[[Payload, Report], None] | None = None
    check_tool: Callable[[str, Payload, Report], None] | None = None
    installed: dict[str, Any] = field(
        default_factory=lambda: {
            "task": Tasks(),
            "env": Environment(),
            "state": States(),
            "later": Environment(),
            "broken": Broken(),
            "blocked": None,
        }
    )

    def keywords(self) -> Collection[str]:
        return KEYWORDS.keys()

    def keyword(self, word: str) -> Keyword:
        if word not in KEYWORDS:
            raise PluginError(codes.UNKNOWN_KEYWORD, f"no plugin offers '{word}'")
        return KEYWORDS[word]

    def facets(self, word: str) -> Facets:
        facets = ToolFacets()
        if self.check:
            facets.check = self.check  # type: ignore[method-assign]  # a facet made for this test
        if self.check_tool:
            facets.check_tool = self.check_tool  # type: ignore[method-assign]  # a facet made for this test
        return GuardedFacets(facets, PluginRecord(Kind.KEYWORD, word, "acme", "acme", "1.0"))

    def sections(self) -> Mapping[str, Any]:
        return {}

    def section(self, name: str) -> Any:
        return None

    def sources(self) -> Collection[str]:
        return self.installed.keys()

    def template_source(self, name: str) -> TemplateSource:
        return TemplateSource(
            name=name,
            summary="",
            source="x:Y",
            optional=name == "state",
            known_before_run=name != "later",
            binding=Binding.ITEM if name == "each" else None,
        )

    def source(self, name: str) -> Any:
        found = self.installed.get(name)
        if found is None:
            raise PluginError(codes.PLUGIN_BLOCKED, f"the source '{name}' is blocked", hint="unblock it")
        return GuardedSource(found, PluginRecord(Kind.TEMPLATE_SOURCE, name, "acme", "acme", "1.0"))

    def settings_keys(self) -> Collection[str]:
        return KEYWORDS.keys()

    def settings_owner(self, key: str) -> Any:
        keyword = self.keyword(key)
        return None if keyword.settings is None else keyword

    def install_hint(self, word: str) -> str | None:
        return "uv add acme" if word == "acme" else None


@dataclass
class Checked:
    """Problems as (code, line, column, end column), and as they are."""

    problems: tuple[Problem, ...]
    workflow: Workflow | None
    catalog: PluginCatalog

    @property
    def locator(self) -> list[tuple[str, int | None, int | None, int | None]]:
        return [
            (p.code, p.place.line, p.place.column, p.place.end_column) if p.place else (p.code, None, None, None)
            for p in self.problems
        ]

    @property
    def codes(self) -> list[str]:
        return [problem.code for problem in self.problems]

    @property
    def only(self) -> Problem:
        (problem,) = self.problems
        return problem


@pytest.fixture
def catalog() -> PluginCatalog:
    return PluginCatalog()


@pytest.fixture
def check(tmp_path: Path, catalog: PluginCatalog) -> Callable[..., Checked]:
    """Reads and checks a workflow's text; keyword arguments are limits by measure, e.g. `template_depth=3`."""

    def read(text: str, **limits: float) -> Checked:
        bounds = Limits(
            Limit(name.replace("_", "."), value, Unit.COUNT, f"NIKA_{name.upper()}") for name, value in limits.items()
        )
        loaded = load_workflow(tmp_path / "w.nika.yaml", catalog, bounds, text=text.encode())
        return Checked(loaded.problems, loaded.workflow, catalog)

    return read
