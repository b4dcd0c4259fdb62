"""The seven keywords as the language page has them: a catalog without plugins."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from strictyaml import Any as Anything
from strictyaml import EmptyDict, Int, Map, MapPattern, Optional, Seq, Str

from nika_core.errors import PluginError
from nika_core.model.limits import Limits
from nika_core.model.template import Placeholder
from nika_core.model.workflow import KeywordCategory
from nika_core.plugin import Facets, Keyword, Source, TemplateSource

_TEXTS = EmptyDict() | MapPattern(Str(), Str())
_COMPLETION = {"prompt": Str(), Optional("model"): Str(), Optional("systemPrompt"): Str()}
_AGENT = _COMPLETION | {
    Optional("maxTurns"): Int(),
    Optional("systemPromptFile"): Str(),
    Optional("skills"): Seq(Str()),
}
_CALL = {"reference": Str(), Optional("args"): Anything()}


def _keyword(name: str, primary: str, payload: dict[Any, Any], **more: Any) -> Keyword:
    return Keyword(name=name, summary=name, primary=primary, payload=Map(payload), step="none:None", **more)


KEYWORDS = {
    "agent": _keyword("agent", "prompt", _AGENT, category=KeywordCategory.CONTEXT, needs_provider=True),
    "subagent": _keyword("subagent", "prompt", _AGENT, category=KeywordCategory.ISOLATED, needs_provider=True),
    "llm": _keyword("llm", "prompt", _COMPLETION, needs_provider=True),
    "shell": _keyword(
        "shell",
        "command",
        {"command": Str(), Optional("workingDir"): Str(), Optional("env"): _TEXTS},
    ),
    "http": _keyword(
        "http",
        "url",
        {
            "url": Str(),
            Optional("method"): Str(),
            Optional("headers"): _TEXTS,
            Optional("json"): Anything(),
            Optional("body"): Str(),
        },
        json_fields=frozenset({"json"}),
    ),
    "mcp": _keyword("mcp", "reference", _CALL, json_fields=frozenset({"args"})),
    "function": _keyword("function", "reference", _CALL, json_fields=frozenset({"args"})),
}


class _Tasks:
    """Like the source `task`: the first step of the path is a task."""

    def check(self, placeholder: Placeholder, scope: Any, report: Any) -> None:
        if placeholder.path[0] not in scope.tasks:
            report(f"there is no task {placeholder.path[0]}", code="NIKA-050")

    def depends_on(self, placeholder: Placeholder) -> tuple[str, ...]:
        return placeholder.path[:1]


class _Outside:
    """Like `input` and `env`: needs no task."""

    def check(self, placeholder: Placeholder, scope: Any, report: Any) -> None:
        return None

    def depends_on(self, placeholder: Placeholder) -> tuple[str, ...]:
        return ()


class SevenKeywords:
    """Implements `nika_core.document.PluginCatalog`."""

    def keywords(self) -> Collection[str]:
        return KEYWORDS

    def keyword(self, word: str) -> Keyword:
        if word not in KEYWORDS:
            raise PluginError("NIKA-070", f"no keyword {word}")
        return KEYWORDS[word]

    def facets(self, word: str) -> Facets:
        return Facets()

    def sections(self) -> Mapping[str, Any]:
        return {}

    def section(self, name: str) -> Any:
        return None

    def sources(self) -> Collection[str]:
        return ("task", "input", "env")

    def template_source(self, name: str) -> TemplateSource:
        return TemplateSource(name=name, summary="", source="x:Y")

    def source(self, name: str) -> Source:
        source: Any = {"task": _Tasks, "input": _Outside, "env": _Outside}[name]()
        return source

    def install_hint(self, word: str) -> str | None:
        return None


NO_LIMITS = Limits()
