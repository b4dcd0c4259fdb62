"""Declares the observer. Nika imports this module if a project file has its key, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import ObserverDescription, fields, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_observers() -> Iterable[ObserverDescription]:
    """Return the observer."""
    return [
        ObserverDescription(
            name="{{cookiecutter.word}}",
            summary="Writes each failed task into a file.",
            observer="{{cookiecutter.__package}}.observer:{{cookiecutter.__class}}Observer",
            settings=fields.Map(
                {"file": fields.field(fields.NonEmptyStr(), "The file, relative to the project's folder.")}
            ),
        )
    ]
