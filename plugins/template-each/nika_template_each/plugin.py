"""Declares the template source `each`."""

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
            name="each",
            summary="The item of a list (`forEach`) for which a task runs, with its place and its key.",
            source="nika_template_each.source:EachSource",
            known_before_run=False,
            binding=Binding.ITEM,
        ),
    )
