"""Declares the notifier. Nika imports this module if a project file has its key, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import NotifierDescription, fields, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_notifiers() -> Iterable[NotifierDescription]:
    """Return the notifier."""
    return [
        NotifierDescription(
            name="{{cookiecutter.word}}",
            summary="Writes each question into a file.",
            notifier="{{cookiecutter.__package}}.notifier:{{cookiecutter.__class}}Notifier",
            settings=fields.Map(
                {"file": fields.field(fields.NonEmptyStr(), "The file, relative to the project's folder.")}
            ),
        )
    ]
