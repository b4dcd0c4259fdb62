"""What can be known about a task without running it: quick, and without any effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.plugin import Effect, Facets, Json, JsonObject, Payload, Report

MOST: Final = 100


class {{cookiecutter.__class}}Facets(Facets):
    """Bounds `times`, and says that nothing outside is touched."""

    def check(self, payload: Payload, report: Report) -> None:
        """Report what the schema cannot see."""
        times = payload.fields["times"]  # a `Template` if it depends on something
        if isinstance(times, int) and not 1 <= times <= MOST:
            report(f"times is {times}", payload.at("times"), hint=f"write a number from 1 to {MOST}")

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Nothing: no process, no host, no file."""
        return ()

    def mock(self, payload: JsonObject) -> Json:
        """An output of the same shape, for `nika run --mock`."""
        return {"text": str(payload["text"]), "times": payload["times"]}
