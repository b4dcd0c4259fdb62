"""Declares the provider `mock`: deterministic, offline, free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return one provider: `mock`."""
    return (
        Provider(
            name="mock",
            summary="Answers at once, offline and for free: repeats what it was asked, or plays a script.",
            models=("mock", "mock-*"),
            stands_in=True,
            client="nika_provider_mock.client:Client",
        ),
    )
