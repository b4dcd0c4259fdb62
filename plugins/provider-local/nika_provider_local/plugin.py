"""Declares the provider `local`: a small real model in this process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return one provider: `local`."""
    return (
        Provider(
            name="local",
            summary="SmolLM2-135M, or a GGUF file of yours, in this process: no key, no network, no price.",
            models=("local", "local-*", "smollm2-135m"),
            client="nika_provider_local.client:Client",
        ),
    )
