"""Does the work of the keyword."""

from __future__ import annotations

from nika_core.plugin import Json, JsonObject, Step, StepContext


class {{cookiecutter.__class}}Step(Step):
    """One instance serves a whole run; `run` may be called for many tasks at once."""

    async def run(self, payload: JsonObject, context: StepContext) -> Json:
        """Return the output. The payload has passed the schema, and its templates are rendered."""
        times = payload["times"]
        return {"text": " ".join([payload["text"]] * times), "times": times}
