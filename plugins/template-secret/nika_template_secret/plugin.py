"""Declares the template source `secret`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import TemplateSource, hookimpl

NIKA_API = 1


@hookimpl
def nika_template_sources() -> Iterable[TemplateSource]:
    """Return one source: the secrets that secret sources have."""
    return (
        TemplateSource(
            name="secret",
            summary="A secret, from the secret sources.",
            source="nika_template_secret.source:SecretTemplates",
            known_before_run=False,
            secret=True,
            late=True,
        ),
    )
