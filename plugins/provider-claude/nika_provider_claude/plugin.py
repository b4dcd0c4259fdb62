"""Declares the provider `claude`: Anthropic's models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return one provider: `claude`."""
    return (
        Provider(
            name="claude",
            summary="Anthropic's models.",
            models=("claude-*",),
            secrets=("ANTHROPIC_API_KEY",),
            optional_secrets=("ANTHROPIC_AUTH_TOKEN",),
            secrets_unless=("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"),
            client="nika_provider_claude.client:Client",
        ),
    )
