"""The keyword `echo`, which exists in tests only: returns what it was given, so that templates can be tested."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Effect, Facets, Keyword, Payload, StepContext, fields, hookimpl

NIKA_API = 1
WORD = "echo"


class EchoFacets(Facets):
    """It touches nothing."""

    def effects(self, payload: Payload) -> tuple[Effect, ...]:
        return ()

    def mock(self, payload: JsonObject) -> Json:
        return payload["value"]  # type: ignore[no-any-return]  # any JSON


class Echo:
    """Returns `value`."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        return payload["value"]  # type: ignore[no-any-return]  # any JSON


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Describe the keyword `echo`."""
    return (
        Keyword(
            name=WORD,
            summary="Returns what it is given.",
            primary="value",
            payload=fields.Map({"value": fields.Anything()}),
            step="nika_core.testing.echo:Echo",
            facets="nika_core.testing.echo:EchoFacets",
            json_fields=frozenset({"value"}),
            pure=True,
        ),
    )
