"""The output is the payload, whose templates the kernel has replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nika_core.plugin import (
    Effect,
    Facets,
    Json,
    JsonObject,
    Payload,
    PayloadValue,
    Step,
    StepContext,
    schema_of_tree,
)


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
        return schema_of_tree(fields["value"])

    def mock(self, payload: JsonObject) -> Json:
        """Return the value."""
        return _value(payload)


def _value(payload: JsonObject) -> Json:
    value: Json = payload["value"]
    return value
