"""A catalog of three keywords, without any plugin."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from nika_core import codes
from nika_core.document import LoadedWorkflow, load_workflow
from nika_core.errors import PluginError
from nika_core.model.json import Json
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.template import Placeholder
from nika_core.model.workflow import KeywordCategory
from nika_core.plugin import Facets, Keyword, Scope, Source, SourceReport, TemplateSource, Values
from nika_core.plugin.fields import (
    Anything,
    EmptyDict,
    Enum,
    Map,
    MapPattern,
    Optional,
    PositiveInt,
    Seq,
    Str,
    Templated,
    field,
)

SHELL = Keyword(
    name="shell",
    summary="Runs a command.",
    primary="command",
    payload=Map(
        {
            Optional("command"): field(Str(), "What the shell runs."),
            Optional("argv"): Seq(Str()),
            Optional("env"): MapPattern(Str(), Str()) | EmptyDict(),
            Optional("capture"): Enum(["stdout", "stderr", "both", "json"]),
        }
    ),
    step="x:Y",
    rendered_fields=frozenset({"command"}),
)
HTTP = Keyword(
    name="http",
    summary="Calls a server.",
    primary="url",
    payload=Map({"url": Str(), Optional("method"): Str(), Optional("json"): Anything()}),
    step="x:Y",
    json_fields=frozenset({"json"}),
)
AGENT = Keyword(
    name="agent",
    summary="Asks a model.",
    category=KeywordCategory.CONTEXT,
    primary="prompt",
    payload=Map(
        {"prompt": Str(), Optional("model"): Str(), Optional("limit"): Templated(PositiveInt(), before_run=True)}
    ),
    step="x:Y",
    needs_provider=True,
    sections={"mcpServers": MapPattern(Str(), Map({"command": Str(), Optional("args"): Seq(Str())}))},
)


class FakeSource:
    """Any value is there; `{{task}}` depends on the task."""

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, placeholder: Placeholder, scope: Scope, report: SourceReport) -> None:
        if self.name == "task" and placeholder.path[0] not in scope.tasks:
            report(f"no task `{placeholder.path[0]}`", code=codes.UNKNOWN_REFERENCE)

    def depends_on(self, placeholder: Placeholder) -> Iterable[str]:
        return placeholder.path[:1] if self.name == "task" else ()

    def resolve(self, placeholder: Placeholder, values: Values) -> Json:
        return None


class FakeCatalog:
    def __init__(self, *keywords: Keyword) -> None:
        self.known = {keyword.name: keyword for keyword in keywords}

    def keywords(self) -> Collection[str]:
        return self.known.keys()

    def keyword(self, word: str) -> Keyword:
        try:
            return self.known[word]
        except KeyError:
            raise PluginError(codes.UNKNOWN_KEYWORD, f"no plugin offers the keyword `{word}`") from None

    def facets(self, word: str) -> Facets:
        return Facets()

    def sections(self) -> Mapping[str, Any]:
        return {key: validator for keyword in self.known.values() for key, validator in keyword.sections.items()}

    def section(self, name: str) -> Any:
        return self.sections().get(name)

    def sources(self) -> Collection[str]:
        return ("task", "input", "env")

    def template_source(self, name: str) -> TemplateSource:
        return TemplateSource(name=name, summary="", source="x:Y")

    def source(self, name: str) -> Source:
        if name in self.sources():
            return FakeSource(name)
        raise PluginError(codes.UNKNOWN_SOURCE, f"no plugin offers the source `{name}`")

    def settings_keys(self) -> Collection[str]:
        return self.known.keys()

    def settings_owner(self, key: str) -> Any:
        keyword = self.keyword(key)
        return None if keyword.settings is None else keyword

    def install_hint(self, word: str) -> str | None:
        return "install `nika-mail`" if word == "mail" else None


def limits_of(**values: float) -> Limits:
    found = {
        "yaml_bytes": 10 * 1024 * 1024,
        "tasks": 1000,
        "flows": 10000,
        "id_length": 100,
        "recursion": 100,
        "validate_seconds": 5,
    } | values
    names = {"yaml_bytes": "NIKA_MAX_YAML_SIZE", "tasks": "NIKA_MAX_TASKS", "validate_seconds": "NIKA_VALIDATE_TIMEOUT"}
    return Limits(
        Limit(LimitKind[key.upper()], value, Unit.COUNT, names.get(key, f"NIKA_MAX_{key.upper()}"))
        for key, value in found.items()
    )


@pytest.fixture(scope="session")
def catalog() -> FakeCatalog:
    return FakeCatalog(SHELL, HTTP, AGENT)


@pytest.fixture(scope="session")
def make_limits() -> Callable[..., Limits]:
    return limits_of


@pytest.fixture(scope="session")
def load(catalog: FakeCatalog) -> Callable[..., LoadedWorkflow]:
    def load(text: str | bytes, limits: Limits | None = None, **more: Any) -> LoadedWorkflow:
        data = text.encode() if isinstance(text, str) else text
        return load_workflow(Path("w.nika.yaml"), catalog, limits or limits_of(), text=data, **more)

    return load
