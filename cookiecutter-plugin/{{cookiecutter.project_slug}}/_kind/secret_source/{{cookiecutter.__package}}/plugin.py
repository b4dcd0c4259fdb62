"""Declares the secret source. Nika imports this module when a task needs a secret, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import SecretSourceDescription, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_secret_sources() -> Iterable[SecretSourceDescription]:
    """Return the secret source."""
    return [
        SecretSourceDescription(
            name="{{cookiecutter.word}}",
            summary="Secrets from a JSON file.",
            source="{{cookiecutter.__package}}.source:{{cookiecutter.__class}}Secrets",
        )
    ]
