"""What tokens cost: the project's own prices, the provider's, the public list; a model without any is unpriced.

Unpriced is never 0: `None` here, `Usage.unpriced` in results.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from nika_core.engine.llm.public_prices import PublicPrices, cost_of
from nika_core.model.usage import Usage
from nika_core.plugin import ModelInfo, Price


class Prices:
    """Asked in this order: `overrides` (by model name), the model's own price (none if it is free), the public list.

    The public list is the optional library `genai_prices`, with offline data. Without it, what it knows is unpriced.
    """

    def __init__(self, overrides: Mapping[str, Price] | None = None, *, public: bool = True) -> None:
        self._overrides = dict(overrides or {})
        self._public = PublicPrices() if public else None

    def load(self) -> None:
        """Import the public list; takes about 0.3 s the first time."""
        if self._public is not None:
            self._public.load()

    async def prepare(self, info: ModelInfo) -> None:
        """Load the public list off the event loop, if this model's price stands nowhere else."""
        if self._public is not None and not self._public.loaded and not self._known(info):
            import asyncio

            await asyncio.to_thread(self._public.load)

    def cost(self, provider: str, info: ModelInfo, usage: Usage, *, batch: bool = False) -> Decimal | None:
        """Return US dollars for the tokens in `usage`; None: there is no known price."""
        own = self._overrides.get(info.name)
        if own is None and info.free:
            return Decimal(0)
        price = own or info.price
        if price is not None:
            discount = price.batch_discount or info.batch_discount
            return cost_of(price, usage) * (1 - discount if batch else 1)
        public = None if self._public is None else self._public.cost(provider, info.name, usage)
        return public if public is None or not batch else public * (1 - info.batch_discount)

    def _known(self, info: ModelInfo) -> bool:
        return info.name in self._overrides or info.free or info.price is not None
