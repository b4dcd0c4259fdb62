"""Declares the template source `state`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: how a task ended: success, failed, skipped or cancelled."""
    return (
        TemplateSource(
            name="state",
            summary="How a task ended: success, failed, skipped or cancelled.",
            source="nika_template_state.source:StateSource",
            optional=True,
        ),
    )
