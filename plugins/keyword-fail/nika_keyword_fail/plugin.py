"""Declares the keyword `fail`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Explanation, Keyword, fields, hookimpl

NIKA_API: Final = 1
FAILED_ON_PURPOSE: Final = "FAIL-001"


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the keyword."""
    return (
        Keyword(
            name="fail",
            summary="Fails with a message.",
            primary="message",
            payload=fields.Map({"message": fields.field(fields.NonEmptyStr(), "Why the task fails.")}),
            step="nika_keyword_fail.keyword:FailStep",
            facets="nika_keyword_fail.keyword:FailFacets",
            pure=True,
            in_place=True,
            synonyms=frozenset({"abort", "error", "raise", "throw"}),
            explanations=(
                Explanation(
                    FAILED_ON_PURPOSE,
                    "the workflow fails on purpose",
                    "A task with the keyword `fail` ran. Its message says why the author of the workflow does not let "
                    "the run continue. The task is not retried.",
                    'fail: "There is nothing to release since {{tag}}."',
                    "Change what the message describes. If the task should not have run, look at its condition.",
                ),
            ),
        ),
    )
