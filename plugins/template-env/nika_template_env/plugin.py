"""Declares the template source `env`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: the environment."""
    return (
        TemplateSource(
            name="env",
            summary="An environment variable.",
            source="nika_template_env.source:EnvironmentSource",
        ),
    )
