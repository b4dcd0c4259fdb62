"""Declares the limit policy `spend`: what may be spent in a day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import LimitPolicy, hookimpl

NIKA_API: Final = 1


@hookimpl
def nika_limit_policies() -> Iterable[LimitPolicy]:
    """Return one policy: `spend`."""
    return (
        LimitPolicy(
            name="spend",
            summary="What a team, and each of its users, may spend on models in a day. Off until a budget is set.",
            policy="nika_limit_spend.policy:SpendPolicy",
        ),
    )
