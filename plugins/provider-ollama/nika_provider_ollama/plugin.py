"""Declares the provider `ollama`: models that Ollama serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return one provider: `ollama`."""
    return (
        Provider(
            name="ollama",
            summary="Models that Ollama serves, on this machine or another (OLLAMA_HOST).",
            # Only names that look like Ollama's own, with a size or `latest` after the colon: `llama3.2:1b`. Any
            # other name is reached with `provider: ollama`.
            models=("*:latest", "*:[0-9]*b", "*:[0-9]*b-*", "*:[0-9]*m", "*:[0-9]*m-*"),
            optional_secrets=("OLLAMA_API_KEY",),
            client="nika_provider_ollama.client:Client",
        ),
    )
