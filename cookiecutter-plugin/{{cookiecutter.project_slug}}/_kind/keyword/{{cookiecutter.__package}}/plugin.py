"""Declares the keyword. Nika imports this module to check a workflow, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Keyword, hookimpl
from strictyaml import Int, Map, Optional, Str  # type: ignore[import-untyped]  # it has no types

NIKA_API: Final = 1  # the version of the plugin interface that this is written for


@hookimpl
def nika_task_keywords() -> Iterable[Keyword]:
    """One keyword."""
    return [
        Keyword(
            name="{{cookiecutter.word}}",
            summary="Says a text as many times as it is asked to.",
            primary="text",
            payload=Map({"text": Str(), Optional("times"): Int()}),
            step="{{cookiecutter.__package}}.step:{{cookiecutter.__class}}Step",
            facets="{{cookiecutter.__package}}.facets:{{cookiecutter.__class}}Facets",
            pure=True,
            field_docs={
                "text": "What to say.",
                "times": "How many times: 1 (default) to 100.",
            },
        )
    ]
