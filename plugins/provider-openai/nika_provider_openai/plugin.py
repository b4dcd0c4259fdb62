"""Declares the provider `openai`: OpenAI's models, and every server that speaks as OpenAI does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """One provider: `openai`."""
    return (
        Provider(
            name="openai",
            summary="OpenAI's models, and every server that speaks as OpenAI does (OPENAI_BASE_URL).",
            models=("gpt-*", "chatgpt-*", "o1", "o1-*", "o3", "o3-*", "o4", "o4-*", "ft:gpt-*", "ft:o4-*"),
            secrets=("OPENAI_API_KEY",),
            secrets_unless=("OPENAI_BASE_URL",),
            client="nika_provider_openai.client:Client",
        ),
    )
