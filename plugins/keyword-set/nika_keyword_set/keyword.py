"""The output is the payload, whose templates the kernel has replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import Effect, Facets, Json, JsonObject, Payload, PayloadValue, Step, StepContext, Template

_TYPES: Final[dict[type[Any], str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


class SetStep(Step):
    """Returns its payload."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """Return the value."""
        return _value(payload)


class SetFacets(Facets):
    """It touches nothing, and a mocked run returns the same."""

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return nothing: it touches nothing."""
        return ()

    def output_schema(self, fields: Mapping[str, PayloadValue]) -> JsonObject | None:
        """Return what can be told of the value without its templates."""
        return _schema(fields["value"])

    def mock(self, payload: JsonObject) -> Json:
        """Return the value."""
        return _value(payload)


def _schema(tree: PayloadValue) -> JsonObject:
    if isinstance(tree, Mapping):
        properties = {name: _schema(value) for name, value in tree.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if isinstance(tree, list | tuple):
        return {"type": "array"}
    if isinstance(tree, Template):
        return {} if tree.single is not None else {"type": "string"}
    kind = _TYPES.get(type(tree))
    return {} if kind is None else {"type": kind}


def _value(payload: JsonObject) -> Json:
    value: Json = payload["value"]
    return value
