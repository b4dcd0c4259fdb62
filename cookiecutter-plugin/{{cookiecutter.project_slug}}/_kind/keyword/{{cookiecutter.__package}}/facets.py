"""What is known about a task before it runs. Facets are quick and have no effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.plugin import Effect, Facets, Json, JsonObject, Payload, Report

MOST: Final = 100


class {{cookiecutter.__class}}Facets(Facets):
    """Limits `times`, and declares that the keyword has no external effects."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report what the schema cannot check."""
        times = payload.fields["times"]  # a `Template` if it depends on something
        if isinstance(times, int) and not 1 <= times <= MOST:
            report(f"times is {times}", payload.at("times"), hint=f"write a number from 1 to {MOST}")

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return nothing: no process, no host, no file."""
        return ()

    def mock(self, payload: JsonObject) -> Json:
        """Return an output of the same shape, for `nika run --mock`."""
        return {"text": str(payload["text"]), "times": payload["times"]}
