"""The task fails with its payload as the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.plugin import Category, Effect, Facets, Json, JsonObject, Payload, Step, StepContext, TaskError
from nika_keyword_fail.plugin import FAILED_ON_PURPOSE

_NO_MESSAGE: Final = "the message of `fail` is empty"  # a template may be


class FailStep(Step):
    """Fails."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """Raise TaskError with the message; its category is one that is never retried."""
        raise _failure(payload)


class FailFacets(Facets):
    """It touches nothing, and a mocked run fails in the same way."""

    def effects(self, payload: Payload) -> Sequence[Effect]:
        """Return nothing: it touches nothing."""
        return ()

    def mock(self, payload: JsonObject) -> Json:
        """Raise TaskError with the message."""
        raise _failure(payload)


def _failure(payload: JsonObject) -> TaskError:
    message = str(payload["message"])
    return TaskError(message if message.strip() else _NO_MESSAGE, category=Category.VALIDATION, code=FAILED_ON_PURPOSE)
