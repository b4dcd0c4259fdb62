"""Prices that a provider's server knows, asked for once in a run."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from nika_core.engine.llm.connections import Connection
from nika_core.engine.llm.pricing import Prices
from nika_core.model.usage import Usage
from nika_core.plugin import Client, ModelInfo, Price
from nika_core.values import replace

_SECONDS: Final = 10.0  # that the question may take


async def with_served_price(connection: Connection, info: ModelInfo, prices: Prices) -> ModelInfo:
    """Return a model with the price that its server knows, if nobody else knows one.

    A server that does not answer leaves the model unpriced: that is told, and no reason not to call.
    """
    if not hasattr(connection.client, "prices"):
        return info
    if prices.cost(connection.provider.name, info, Usage(1, 1)) is not None:
        return info
    if connection.prices is None:
        connection.prices = {}  # asked once
        connection.prices = await served_prices(connection.client)
    price = connection.prices.get(info.name)
    return info if price is None else replace(info, price=price)


async def served_prices(client: Client) -> dict[str, Price]:
    """Return the prices that a client's server knows, by model; {} if it knows none or does not answer."""
    ask: Any = getattr(client, "prices", None)
    with suppress(Exception):  # whatever is wrong with it, it is a plugin's or a server's
        if ask is not None:
            async with asyncio.timeout(_SECONDS):
                served = await ask()
            return {str(name): price for name, price in served.items() if _is_price(price)}
    return {}


def _is_price(price: object) -> bool:
    if not isinstance(price, Price):
        return False
    sure = (price.input_per_million, price.output_per_million)
    amounts = (*sure, price.cached_per_million or Decimal(0), price.cache_write_per_million or Decimal(0))
    return all(isinstance(each, Decimal) and each.is_finite() and each >= 0 for each in amounts)
