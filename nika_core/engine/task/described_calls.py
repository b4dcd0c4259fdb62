"""What a rendered payload does, as its keyword's facets say: for the limit policies that judge it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nika_core.engine.core.messages import TaskCall
from nika_core.engine.task.services import TaskServices
from nika_core.errors import Place
from nika_core.model.json import Json, JsonObject
from nika_core.model.limits import LimitKind
from nika_core.model.tool_rules import tool_of
from nika_core.model.workflow import NOWHERE, AgentBlock, OutputSpec
from nika_core.plugin import Effect, Facets, Payload
from nika_core.values import dataclass

_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class RenderedPayload:
    """A payload (`nika_core.plugin.Payload`) in which no template is left. It has no place in a file."""

    task_id: str
    fields: Mapping[str, Any]
    shown: Mapping[str, Any]
    folder: Path
    agent: AgentBlock
    sections: Mapping[str, Json]
    settings: JsonObject
    environ: Mapping[str, str]
    output: OutputSpec
    max_tokens: int | None
    allowed_tools: tuple[str, ...]

    def at(self, *path: str | int) -> Place:
        """Return no place."""
        return NOWHERE

    def text(self, field: str) -> str | None:
        """Return a field as it may be shown; None if it is not there."""
        value = self.shown.get(field)
        return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class DescribedCall(NamedTuple):
    """What an attempt or a tool call does. `payload` is redacted, `whole` is not."""

    facets: Facets
    payload: JsonObject
    whole: Payload
    effects: tuple[Effect, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that it goes to, as far as its keyword says."""
        return tuple(dict.fromkeys(effect.target for effect in self.effects if effect.kind == "host"))


def describe_call(services: TaskServices, call: TaskCall, keyword: str, payload: JsonObject) -> DescribedCall:
    """Return what a keyword's step does with this payload. Raise NikaError if its plugin cannot say.

    Args:
        keyword: the task's, or that of a tool which the task calls.
    """
    facets = services.facets(keyword)
    shown = facets.redact(payload)
    allowed = call.allowed_tools if call.allowed_tools is not None else call.agent.allowed_tools or ()
    whole = RenderedPayload(
        call.node,
        payload,
        shown,
        Path(call.folder),
        call.agent,
        call.sections,
        services.keyword(keyword).settings,
        services.environ,
        call.output,
        call.limits.counts.get(LimitKind.TASK_TOKENS),
        tuple(map(tool_of, allowed)),
    )
    return DescribedCall(facets, shown, whole, tuple(dict.fromkeys(facets.effects(whole))))


def hidden_in(value: Json, whole: Json, shown: Json) -> Any:
    """Return a value without the texts of `whole` that `shown` does not have: they were redacted."""
    hidden = set(_texts(whole)) - set(_texts(shown)) - {""}
    return _without(value, hidden) if hidden else value


def _without(value: Json, hidden: set[str]) -> Any:
    if isinstance(value, str):
        return _HIDDEN if value in hidden else value
    if isinstance(value, Mapping):
        return {key: _without(item, hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without(item, hidden) for item in value]
    return value


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
