"""Declares the backend `temporal`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import BackendDescription, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_backends() -> Iterable[BackendDescription]:
    """Return the backend."""
    return (
        BackendDescription(
            name="temporal",
            summary="Runs on a Temporal server: they outlive this machine, and workers elsewhere do their tasks.",
            backend="nika_backend_temporal.backend:TemporalBackend",
            example="temporal://localhost:7233/default",
        ),
    )
