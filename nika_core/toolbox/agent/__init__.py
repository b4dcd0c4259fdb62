"""For authors of keywords that talk to a model: the conversation loop, and facets that suit it.

A step is a few lines:

    class Step:
        async def run(self, payload, context):
            answer = await converse(payload, context, tools=await context.tools())
            return answer.text

and `AgentFacets` checks and estimates a payload whose fields have the names in `FIELDS`. One call without tools is
`CompletionFacets`, with the fields of `COMPLETION_FIELDS`. An answer that is not the JSON that was asked for is asked
for again, at most `MAX_REPAIRS` times. `converse` sends the files of the field `attach` (a keyword names it in
`file_fields`); `attached_files` reads them for a step with a conversation of its own.
"""

from nika_core.model.json_text import parse_json
from nika_core.template.json_check import json_problem, schema_validator, value_problems
from nika_core.toolbox.agent.attachments import attached_files
from nika_core.toolbox.agent.facets import COMPLETION_FIELDS, FIELDS, MAX_REPAIRS, AgentFacets, CompletionFacets
from nika_core.toolbox.agent.loop import Answer, converse

__all__ = [
    "COMPLETION_FIELDS",
    "FIELDS",
    "MAX_REPAIRS",
    "AgentFacets",
    "Answer",
    "CompletionFacets",
    "attached_files",
    "converse",
    "json_problem",
    "parse_json",
    "schema_validator",
    "value_problems",
]
