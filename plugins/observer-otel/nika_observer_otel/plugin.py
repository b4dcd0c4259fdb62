"""Declares the observer `otel`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import ObserverDescription, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_observers() -> Iterable[ObserverDescription]:
    """Return the observer."""
    return [
        ObserverDescription(
            name="otel",
            summary="Sends runs as OpenTelemetry traces and metrics, to where the OTEL_* variables say.",
            observer="nika_observer_otel.observer:OtelObserver",
            traces=True,
        )
    ]
