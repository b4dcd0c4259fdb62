"""One completion: no conversation, no tools."""

from __future__ import annotations

from nika_core.plugin import JsonObject, StepContext, StepOutput
from nika_core.toolbox.agent import converse


class Step:
    """Asks the model once, and again at most twice if its answer should be JSON and is not."""

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput:
        """Ask the model. Raise TaskError."""
        return StepOutput((await converse(payload, context)).text)
