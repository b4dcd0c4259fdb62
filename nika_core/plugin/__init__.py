"""All that a plugin's author imports.

A plugin is a module with functions that `hookimpl` marks, named by an entry point in one of the groups `nika.keywords`,
`nika.providers`, `nika.template_sources`, `nika.limit_policies` and `nika.commands`. The entry point's name is the word
that a user writes. The module says which version of this interface it was written for: `NIKA_API = 1`. The version
that is installed is `API_VERSION`. Validators of payloads are in the module `fields`. What a client streams is a
`Chunk`: a `TextDelta` or, at the end, `Finished`.
"""

from typing import Final

from nika_core.model.graph import Edge, EdgeKind, Graph
from nika_core.model.workflow import KeywordCategory, Workflow
from nika_core.plugin import fields
from nika_core.plugin.command import Command, CommandContext, Styled, Terminal
from nika_core.plugin.explanation import Explanation
from nika_core.plugin.hookspec import hookimpl
from nika_core.plugin.keyword import (
    CallEstimate,
    Effect,
    Estimate,
    Facets,
    Keyword,
    Payload,
    Report,
    Step,
    StepContext,
    StepOutput,
    WaitFor,
)
from nika_core.plugin.limit_policy import Admission, LimitPolicy, Policy, Refusal, Stage
from nika_core.plugin.provider import (
    BatchFinder,
    BatchReply,
    BatchResult,
    BatchSearch,
    BatchTrace,
    Chunk,
    Client,
    Finished,
    Health,
    ModelInfo,
    ModelReply,
    ModelRequest,
    Price,
    Provider,
    TextDelta,
    TokenEstimate,
    estimate_tokens,
)
from nika_core.plugin.template_source import Scope, Source, SourceReport, TemplateSource, Values
from nika_core.plugin.tool import Tool, ToolResult

API_VERSION: Final = 1

__all__ = [
    "API_VERSION",
    "Admission",
    "BatchFinder",
    "BatchReply",
    "BatchResult",
    "BatchSearch",
    "BatchTrace",
    "CallEstimate",
    "Chunk",
    "Client",
    "Command",
    "CommandContext",
    "Edge",
    "EdgeKind",
    "Effect",
    "Estimate",
    "Explanation",
    "Facets",
    "Finished",
    "Graph",
    "Health",
    "Keyword",
    "KeywordCategory",
    "LimitPolicy",
    "ModelInfo",
    "ModelReply",
    "ModelRequest",
    "Payload",
    "Policy",
    "Price",
    "Provider",
    "Refusal",
    "Report",
    "Scope",
    "Source",
    "SourceReport",
    "Stage",
    "Step",
    "StepContext",
    "StepOutput",
    "Styled",
    "TemplateSource",
    "Terminal",
    "TextDelta",
    "TokenEstimate",
    "Tool",
    "ToolResult",
    "Values",
    "WaitFor",
    "Workflow",
    "estimate_tokens",
    "fields",
    "hookimpl",
]
