"""Declares the template source `input`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: the inputs of the run."""
    return (
        TemplateSource(
            name="input",
            summary="An input of the workflow, or a path into a JSON input.",
            source="nika_template_input.source:InputSource",
        ),
    )
