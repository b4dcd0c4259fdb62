"""Declares the template source `last`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Binding, TemplateSource, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return the template source."""
    return (
        TemplateSource(
            name="last",
            summary="What the round before returned, in a task that repeats.",
            source="nika_template_last.source:LastSource",
            known_before_run=False,
            binding=Binding.ROUND,
        ),
    )
