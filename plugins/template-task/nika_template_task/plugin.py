"""Declares the template source `task`, the one that `{{...}}` asks."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: the outputs of tasks."""
    return (
        TemplateSource(
            name="task",
            summary="A task's output, or a path into its JSON output.",
            source="nika_template_task.source:TaskSource",
            default_source=True,
        ),
    )
