"""Declares the keyword `agent`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strictyaml import Float, Int, Map, Optional, Seq, Str

from nika_core.model.workflow import KeywordCategory
from nika_core.plugin import Keyword, hookimpl
from nika_core.toolbox.agent.facets import FIELDS

NIKA_API: Final = 1

PAYLOAD: Final = Map(
    {
        "prompt": Str(),
        Optional("model"): Str(),
        Optional("temperature"): Float(),
        Optional("maxTokens"): Int(),
        Optional("systemPrompt"): Str(),
        Optional("maxTurns"): Int(),
        Optional("systemPromptFile"): Str(),
        Optional("skills"): Seq(Str()),
    }
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """One keyword: `agent`."""
    return (
        Keyword(
            name="agent",
            summary="A task of the main conversation: a model that may use tools until it has an answer.",
            category=KeywordCategory.CONTEXT,
            primary="prompt",
            payload=PAYLOAD,
            step="nika_keyword_agent.step:Step",
            facets="nika_core.toolbox.agent.facets:AgentFacets",
            verbatim_fields=frozenset({"systemPromptFile", "skills"}),  # files are named by the author, never by data
            needs_provider=True,
            default_timeout=300.0,
            field_docs=FIELDS,
        ),
    )
