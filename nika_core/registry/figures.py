"""Whether the figures that a plugin's object returns are figures: finite, from 0 on, and of the type that is wanted."""

from __future__ import annotations

import math
from decimal import Decimal

from nika_core.plugin import CallEstimate, Estimate, ModelInfo, ModelRequest, Price


def is_count(value: object) -> bool:
    """Return whether it is a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_amount(value: object) -> bool:
    """Return whether it is a finite number from 0 on."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def estimate_problem(estimate: Estimate) -> str | None:
    """Return what is wrong with an estimate's figures, e.g. `cost_high=nan`; None: nothing."""
    for name, value in (("cost_low", estimate.cost_low), ("cost_high", estimate.cost_high)):
        if not (is_amount(value) or (value is None and name == "cost_high")):
            return f"{name}={value!r:.40}, which is not a finite number from 0 on"
    return next((problem for call in estimate.calls if (problem := _call_problem(call)) is not None), None)


def _call_problem(call: CallEstimate) -> str | None:
    unbounded = {"input_high", "output_high", "calls_high"}
    for name in ("input_low", "input_high", "output_high", "calls_low", "calls_high"):
        value = getattr(call, name)
        if not (is_count(value) or (value is None and name in unbounded)):
            return f"{name}={value!r:.40}, which is not a whole number from 0 on"
    return None


def request_problem(request: ModelRequest) -> str | None:
    """Return what is wrong with a request's figures; None: nothing."""
    if request.max_tokens is not None and not is_count(request.max_tokens):
        return f"max_tokens={request.max_tokens!r:.40}, which is not a whole number from 0 on"
    if request.temperature is not None and not is_amount(request.temperature):
        return f"temperature={request.temperature!r:.40}, which is not a finite number from 0 on"
    return None


def model_problem(info: ModelInfo) -> str | None:
    """Return what is wrong with a model's figures; None: nothing."""
    for name in ("context_tokens", "max_output_tokens"):
        value = getattr(info, name)
        if value is not None and not is_count(value):
            return f"{name}={value!r:.40}, which is not a whole number from 0 on"
    if info.price is not None:
        price: object = info.price  # whatever the plugin put there
        if not isinstance(price, Price):
            return f"price={price!r:.40}, which is not a Price"
        optional = ("cached_per_million", "cache_write_per_million")
        for name in ("input_per_million", "output_per_million", *optional):
            value = getattr(price, name)
            if not (_is_money(value) or (value is None and name in optional)):
                return f"price.{name}={value!r:.40}, which is not a finite Decimal from 0 on"
    for name, value in (
        ("batch_discount", info.batch_discount),
        ("price.batch_discount", info.price.batch_discount if info.price else Decimal(0)),
    ):
        if not _is_money(value) or value > 1:
            return f"{name}={value!r:.40}, which is not a Decimal from 0 to 1"
    return None


def _is_money(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and value >= 0
