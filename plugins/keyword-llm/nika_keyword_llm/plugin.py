"""Declares the keyword `llm`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, KeywordCategory, fields, hookimpl
from nika_core.toolbox.agent.facets import COMPLETION_FIELDS

NIKA_API: Final = 1
PAYLOAD: Final = fields.Map(COMPLETION_FIELDS)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return one keyword: `llm`."""
    return (
        Keyword(
            name="llm",
            summary="One stateless completion of a model.",
            category=KeywordCategory.TOOL,
            primary="prompt",
            payload=PAYLOAD,
            step="nika_keyword_llm.step:Step",
            facets="nika_core.toolbox.agent.facets:CompletionFacets",
            verbatim_fields=frozenset({"systemPromptFile", "skills"}),  # files are named by the author, never by data
            file_fields=frozenset({"attach"}),
            needs_provider=True,
            pure=True,
            default_timeout=60.0,
        ),
    )
