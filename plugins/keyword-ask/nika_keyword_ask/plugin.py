"""Declares the keyword `ask`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl

NIKA_API: Final = 1
PAYLOAD: Final = fields.Map(
    {
        "message": fields.field(fields.NonEmptyStr(), "The question."),
        fields.Optional("show"): fields.field(fields.Anything(), "Any value, shown with the question as it is."),
        fields.Optional("form"): fields.field(
            fields.Inputs(), "The fields of the answer, declared as `inputs` are; without it the answer is yes or no."
        ),
        fields.Optional("expires"): fields.field(
            fields.Templated(fields.Duration(above_zero=True)),
            "How long, from when it is first shown; then the task takes `default`, or fails.",
        ),
        fields.Optional("default"): fields.field(fields.Anything(), "The answer when the time is over."),
    }
)


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the keyword."""
    return (
        Keyword(
            name="ask",
            summary="Asks a person, and waits for the answer.",
            primary="message",
            payload=PAYLOAD,
            step="nika_keyword_ask.keyword:AskStep",
            facets="nika_keyword_ask.keyword:AskFacets",
            json_fields=frozenset({"show", "default"}),
            pure=True,
            in_place=True,
            only_asks=True,
            refused_keys={
                "timeout": "a question has `expires`, in its payload",
                "idleTimeout": "a question has `expires`, in its payload",
                "retry": "only an answer ends a question; remove `retry`",
                "cache": "an answer counts for its run only; remove `cache`",
                "always": "a cleanup cannot wait for a person; remove `always`",
            },
            synonyms=frozenset({"approval", "approve", "confirm", "gate", "human", "input", "prompt", "question"}),
        ),
    )
