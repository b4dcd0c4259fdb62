"""Declares the provider. Nika imports this module to see which models it claims, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return the provider."""
    return [
        Provider(
            name="{{cookiecutter.word}}",
            summary="Answers with what it was asked, offline; put your models here.",
            models=("{{cookiecutter.word}}-*",),
            optional_secrets=("{{cookiecutter.__variable}}_API_KEY",),
            client="{{cookiecutter.__package}}.client:Client",
        )
    ]
