"""Declares the template source `run`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: the run itself."""
    return (
        TemplateSource(
            name="run",
            summary="The run itself.",
            source="nika_template_run.source:RunSource",
            known_before_run=False,
        ),
    )
