"""Declares the secret source `files`."""

from __future__ import annotations

from collections.abc import Iterable

from nika_core.plugin import SecretSourceDescription, hookimpl

NIKA_API = 1


@hookimpl
def nika_secret_sources() -> Iterable[SecretSourceDescription]:
    """Return one source: files."""
    return (
        SecretSourceDescription(
            name="files",
            summary="Secrets from files: /run/secrets/NAME, or the path in NAME_FILE.",
            source="nika_secret_files.source:SecretFiles",
            order=10,
        ),
    )
