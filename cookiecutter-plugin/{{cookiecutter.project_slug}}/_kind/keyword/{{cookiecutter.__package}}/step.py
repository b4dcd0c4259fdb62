"""Does the keyword's work."""

from __future__ import annotations

from nika_core.plugin import Json, JsonObject, Step, StepContext


class {{cookiecutter.__class}}Step(Step):
    """One instance serves a whole run; `run` may be called for many tasks at once."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """The text, and how often it was said. The payload has passed the schema, its templates are rendered."""
        times = payload["times"]
        return {"text": " ".join([payload["text"]] * times), "times": times}
