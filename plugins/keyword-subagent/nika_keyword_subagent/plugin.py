"""Declares the keyword `subagent`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, KeywordCategory, fields, hookimpl
from nika_core.toolbox.agent.facets import FIELDS

NIKA_API: Final = 1
PAYLOAD: Final = fields.Map(FIELDS)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return one keyword: `subagent`."""
    return (
        Keyword(
            name="subagent",
            summary="A model with tools in a conversation of its own, that sees nothing but its own prompt.",
            category=KeywordCategory.ISOLATED,
            primary="prompt",
            payload=PAYLOAD,
            step="nika_keyword_subagent.step:Step",
            facets="nika_keyword_subagent.facets:SubagentFacets",
            verbatim_fields=frozenset({"systemPromptFile", "skills"}),  # files are named by the author, never by data
            file_fields=frozenset({"attach"}),
            needs_provider=True,
            default_timeout=60.0,
        ),
    )
