"""What tokens cost: the project's own prices, the provider's, the public list; a model without any is unpriced.

Unpriced is never 0: `None` here, `Usage.unpriced` in results.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from nika_core.model.importing import import_alone
from nika_core.model.usage import Usage
from nika_core.plugin import ModelInfo, Price

_MILLION: Final = Decimal(1_000_000)
_PUBLIC: Final = "genai_prices"


class Prices:
    """Asked in this order: `overrides` (by model name), the model's own price or freeness, the public list.

    The public list is an optional library with offline data; without it, what it would know is unpriced.
    """

    def __init__(self, overrides: Mapping[str, Price] | None = None, *, public: bool = True) -> None:
        self._overrides = dict(overrides or {})
        self._public = public
        self._library: Any = None

    def load(self) -> None:
        """Import the public list; takes about 0.3 s the first time."""
        if self._public and self._library is None:
            try:
                self._library = import_alone(_PUBLIC)
            except ImportError:
                self._public = False

    async def prepare(self, info: ModelInfo) -> None:
        """Load the public list off the event loop, if this model's price stands nowhere else."""
        if self._public and self._library is None and not self._known(info):
            await asyncio.to_thread(self.load)

    def cost(self, provider: str, info: ModelInfo, usage: Usage, *, batch: bool = False) -> Decimal | None:
        """US dollars for the tokens in `usage`; None: there is no known price."""
        own = self._overrides.get(info.name)
        if own is None and info.free:
            return Decimal(0)
        price = own or info.price
        if price is not None:
            discount = price.batch_discount or info.batch_discount
            return _cost(price, usage) * (1 - discount if batch else 1)
        public = self._public_cost(provider, info.name, usage)
        return public if public is None or not batch else public * (1 - info.batch_discount)

    def priced(self, provider: str, info: ModelInfo, usage: Usage, *, batch: bool = False) -> Usage:
        """`usage` with its cost, or with the model among the unpriced ones."""
        cost = self.cost(provider, info, usage, batch=batch)
        if cost is None:
            return replace(usage, cost_usd=Decimal(0), unpriced=(info.name,))
        return replace(usage, cost_usd=cost, unpriced=())

    def _known(self, info: ModelInfo) -> bool:
        return info.name in self._overrides or info.free or info.price is not None

    def _public_cost(self, provider: str, model: str, usage: Usage) -> Decimal | None:
        self.load()
        if self._library is None:
            return None
        tokens = self._library.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cached_tokens or None,
            cache_write_tokens=usage.cache_write_tokens or None,
        )
        # A provider that the list knows has the last word on its models; others are found by the model's name.
        for provider_id in (provider, None):
            try:
                return Decimal(self._library.calc_price(tokens, model, provider_id=provider_id).total_price)
            except LookupError:
                if provider_id is not None and self._lists(provider_id):
                    return None
            except Exception:  # whatever is wrong with the list, a price is no reason to lose a reply
                return None
        return None

    def _lists(self, provider: str) -> bool:
        known = importlib.import_module(f"{_PUBLIC}.data").providers
        return any(entry.id == provider for entry in known)


def _cost(price: Price, usage: Usage) -> Decimal:
    total = usage.output_tokens * price.output_per_million
    rest = usage.input_tokens
    for tokens, per_million in (
        (usage.cached_tokens, price.cached_per_million),
        (usage.cache_write_tokens, price.cache_write_per_million),
    ):
        if per_million is not None:
            apart = min(tokens, rest)
            rest -= apart
            total += apart * per_million
    return (total + rest * price.input_per_million) / _MILLION
