"""A turn of the main conversation."""

from __future__ import annotations

from nika_core.plugin import JsonObject, StepContext, StepOutput
from nika_core.toolbox.agent import converse


class Step:
    """Sees what its ancestors in the graph said, may use tools, and adds its question and answer."""

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput:
        """Run the conversation. Raise TaskError."""
        answer = await converse(payload, context, history=context.messages, tools=await context.tools())
        return StepOutput(answer.text, messages=answer.messages)
