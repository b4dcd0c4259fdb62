"""Declares the keyword `agent`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, KeywordCategory, fields, hookimpl
from nika_core.toolbox.agent.facets import FIELDS

NIKA_API: Final = 1
PAYLOAD: Final = fields.Map(FIELDS)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return one keyword: `agent`."""
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
            file_fields=frozenset({"attach"}),
            needs_provider=True,
            default_timeout=300.0,
        ),
    )
