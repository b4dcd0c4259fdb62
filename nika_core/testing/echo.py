"""The keyword `echo`, which exists in tests only: gives back what it was given, so that templates can be looked at."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Effect, Facets, Keyword, Payload, StepContext, hookimpl

NIKA_API = 1
WORD = "echo"


class EchoFacets(Facets):
    """It touches nothing."""

    def effects(self, payload: Payload) -> tuple[Effect, ...]:
        return ()

    def mock(self, payload: JsonObject) -> Json:
        return payload["value"]  # type: ignore[no-any-return]  # any JSON


class Echo:
    """Gives `value` back."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        return payload["value"]  # type: ignore[no-any-return]  # any JSON


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """One keyword: `echo`."""
    from strictyaml import Any, Map

    return (
        Keyword(
            name=WORD,
            summary="Gives back what it is given.",
            primary="value",
            payload=Map({"value": Any()}),
            step="nika_core.testing.echo:Echo",
            facets="nika_core.testing.echo:EchoFacets",
            json_fields=frozenset({"value"}),
            pure=True,
        ),
    )
