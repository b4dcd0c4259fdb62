"""Declares the project template. Nika imports this module when `nika init` is asked for it, and `files.py` then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import ProjectTemplate, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_project_templates() -> Iterable[ProjectTemplate]:
    """Return the project template."""
    return [
        ProjectTemplate(
            name="{{cookiecutter.word}}",
            summary="Sorts a message, and drafts a reply to it.",
            files="{{cookiecutter.__package}}.files:project_files",
        )
    ]
