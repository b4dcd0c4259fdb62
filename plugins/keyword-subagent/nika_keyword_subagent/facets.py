"""What is known of a subagent without running it, and how a model calls one as a tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nika_core.plugin import Category, JsonObject, Payload, Report, StepContext, TaskError, Tool, ToolSpec, codes
from nika_core.toolbox.agent.facets import AgentFacets

_WHOLE: Final = ("", "*")  # references that mean the one tool there is
_ALONE: Final = "write subagent alone"
_DESCRIPTION: Final = (
    "Have another agent do a part of the work. It sees nothing but the prompt, has the same tools, and returns its "
    "answer."
)
_ARGUMENTS: Final[JsonObject] = {
    "type": "object",
    "properties": {"prompt": {"type": "string", "description": "All that it needs to know.", "minLength": 1}},
    "required": ["prompt"],
    "additionalProperties": False,
}


class SubagentFacets(AgentFacets):
    """Those of an agent, and a tool."""

    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        """Report an entry such as `subagent::x`."""
        if reference not in _WHOLE:
            report(_no_tool(reference), payload.at(), hint=_ALONE)

    async def tools(self, reference: str, context: StepContext) -> Sequence[Tool]:
        """Return the one tool: a conversation of its own, with the tools of the task that uses it."""
        if reference not in _WHOLE:
            raise TaskError(_no_tool(reference), category=Category.CONFIG, code=codes.UNKNOWN_TOOL, hint=_ALONE)
        return (Tool("subagent", "subagent", ToolSpec("subagent", _DESCRIPTION, _ARGUMENTS), _payload),)


def _payload(arguments: JsonObject) -> JsonObject:
    return {"prompt": arguments["prompt"]}


def _no_tool(reference: str) -> str:
    return f"there is no tool subagent::{reference}"
