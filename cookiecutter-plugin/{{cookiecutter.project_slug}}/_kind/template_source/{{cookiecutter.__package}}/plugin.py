"""Declares the template source. Nika imports this module to check a workflow, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return the template source."""
    return [
        TemplateSource(
            name="{{cookiecutter.word}}",
            summary="Settings from the variables {{cookiecutter.__variable}}_*.",
            source="{{cookiecutter.__package}}.source:{{cookiecutter.__class}}Source",
        )
    ]
