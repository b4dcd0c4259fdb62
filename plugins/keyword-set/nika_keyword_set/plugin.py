"""Declares the keyword `set`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the keyword."""
    return (
        Keyword(
            name="set",
            summary="Sets the task's output to a value: any JSON, with templates in it.",
            primary="value",
            short_form_only=True,
            payload=fields.Map(
                {"value": fields.field(fields.Anything(), "The output: any JSON, with templates in it.")}
            ),
            step="nika_keyword_set.keyword:SetStep",
            facets="nika_keyword_set.keyword:SetFacets",
            json_fields=frozenset({"value"}),
            pure=True,
            in_place=True,
            synonyms=frozenset({"assign", "let"}),
        ),
    )
