"""Declares the keyword. Nika imports this module to check a workflow, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, fields, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """Return the keyword."""
    return [
        Keyword(
            name="{{cookiecutter.word}}",
            summary="Says a text as many times as it is asked to.",
            primary="text",
            payload=fields.Map(
                {
                    "text": fields.field(fields.Str(), "What to say."),
                    "times": fields.field(fields.Templated(fields.PositiveInt()), "How often: 1 to 100.", default=1),
                }
            ),
            step="{{cookiecutter.__package}}.step:{{cookiecutter.__class}}Step",
            facets="{{cookiecutter.__package}}.facets:{{cookiecutter.__class}}Facets",
            pure=True,
        )
    ]
