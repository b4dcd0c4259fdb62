"""Declares the template source `error`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: why a task failed."""
    return (
        TemplateSource(
            name="error",
            summary="Why a task failed.",
            source="nika_template_error.source:ErrorSource",
            optional=True,
            may_be_missing=True,
        ),
    )
