"""A conversation of its own."""

from __future__ import annotations

from nika_core.plugin import JsonObject, StepContext, StepOutput
from nika_core.toolbox.agent import converse


class Step:
    """Sees nothing but its own prompt, may use tools of its own, and leaves only its answer."""

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput:
        """Run the conversation. Raise TaskError."""
        return StepOutput((await converse(payload, context, tools=await context.tools())).text)
