"""Declares the keyword `workflow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, KeywordCategory, fields, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the keyword."""
    return (
        Keyword(
            name="workflow",
            summary="Runs another workflow as part of this run; its outputs are the task's output.",
            category=KeywordCategory.GROUP,
            primary="use",
            payload=fields.Map(
                {
                    "use": fields.field(
                        fields.NonEmptyStr(), "A name under `workflows:`, or a file, relative to this one."
                    ),
                    fields.Optional("with"): fields.field(
                        fields.MapPattern(fields.NonEmptyStr(), fields.Anything()), "The workflow's inputs, by name."
                    ),
                }
            ),
            facets="nika_keyword_workflow.facets:WorkflowFacets",
            json_fields=frozenset({"with"}),
            synonyms=frozenset({"call", "flow", "subflow", "subworkflow", "uses", "workflow_call"}),
        ),
    )
