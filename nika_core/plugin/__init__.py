"""All that a plugin's author imports.

A plugin is a module with functions that `hookimpl` marks, named by an entry point in one of the groups `nika.keywords`,
`nika.providers`, `nika.template_sources` and `nika.limit_policies`. The entry point's name is the word that a user
writes. The module says which version of this interface it was written for: `NIKA_API = 1`. The version that is
installed is `API_VERSION`. What a client streams is a `Chunk`: a `TextDelta` or, at the end, `Finished`.
"""

from typing import Final

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
    "Effect",
    "Estimate",
    "Explanation",
    "Facets",
    "Finished",
    "Health",
    "Keyword",
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
    "TemplateSource",
    "TextDelta",
    "TokenEstimate",
    "Tool",
    "ToolResult",
    "Values",
    "WaitFor",
    "estimate_tokens",
    "hookimpl",
]
