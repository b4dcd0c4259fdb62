"""Declares the provider `acme`. Imports nothing heavy, because listing the plugins imports this module."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import Provider, hookimpl

NIKA_API = 1


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return the provider `acme`."""
    return (
        Provider(
            name="acme",
            summary="ACME's own models, behind the house's gateway.",
            models=("acme-*",),
            # `nika run` and `nika plan` name this variable when it is missing, unless one of the others is set.
            secrets=("ACME_TOKEN",),
            secrets_unless=("ACME_TOKEN_FILE", "ACME_TOKEN_COMMAND"),
            client="acme_nika_models.client:Client",
            requests_per_minute=600,
        ),
    )
