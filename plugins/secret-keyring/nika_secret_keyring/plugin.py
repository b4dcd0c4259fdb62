"""Declares the secret source `keyring`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import SecretSourceDescription, hookimpl

NIKA_API = 1


@hookimpl
def nika_secret_sources() -> Iterable[SecretSourceDescription]:
    """Return one source: the keyring. Its timeout leaves a person time to unlock it."""
    return (
        SecretSourceDescription(
            name="keyring",
            summary="Secrets from the keyring of the operating system.",
            source="nika_secret_keyring.source:Keyring",
            timeout=60.0,
            order=900,
        ),
    )
