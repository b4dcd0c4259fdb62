"""Declares the backend. Nika imports this module if an address begins with its name, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import BackendDescription, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_backends() -> Iterable[BackendDescription]:
    """Return the backend."""
    return [
        BackendDescription(
            name="{{cookiecutter.word}}",
            summary="Runs in the process that submits.",
            backend="{{cookiecutter.__package}}.backend:{{cookiecutter.__class}}Backend",
            example="{{cookiecutter.word}}://",
        )
    ]
