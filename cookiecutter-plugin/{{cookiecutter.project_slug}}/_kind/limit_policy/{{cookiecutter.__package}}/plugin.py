"""Declares the limit policy. Nika imports this module with every command, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import LimitPolicy, hookimpl

NIKA_API: Final = 1  # the version of the plugin interface that this module was written for


@hookimpl
def nika_limit_policies() -> Iterable[LimitPolicy]:
    """Return the limit policy."""
    return [
        LimitPolicy(
            name="{{cookiecutter.word}}",
            summary="Bounds the cost of a run, and the models that it may use.",
            policy="{{cookiecutter.__package}}.policy:{{cookiecutter.__class}}Policy",
        )
    ]
