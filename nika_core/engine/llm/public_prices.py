"""The public list of prices: an optional library with offline data.

It looks a model up by patterns and works its price out from units: 0.3 ms, twice in each call. So what a model costs is
read from it once, if that is a price for each kind of token.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from nika_core.model.importing import import_alone
from nika_core.model.usage import Usage
from nika_core.plugin import Price
from nika_core.values import dataclass

_LIBRARY: Final = "genai_prices"
_KINDS: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_PROBES: Final = (Usage(1000, 300), Usage(1000, 300, cached_tokens=200), Usage(1000, 300, cache_write_tokens=100))
_DAY: Final = 86_400  # seconds; prices begin with a day
_MILLION: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class _Rates:
    """What a model costs, for prompts of up to so many tokens and on one day (None: always)."""

    price: Price
    most_input: float
    day: int | None


class PublicPrices:
    """The list, imported when it is needed. Without the library every model is unpriced."""

    def __init__(self) -> None:
        self._library: Any = None
        self._missing = False
        self._rates: dict[tuple[str, str], _Rates] = {}
        self._unknown: set[tuple[str, str]] = set()

    @property
    def loaded(self) -> bool:
        """Whether there is nothing to import."""
        return self._missing or self._library is not None

    def load(self) -> None:
        """Import the list; takes about 0.3 s the first time."""
        if not self.loaded:
            try:
                self._library = import_alone(_LIBRARY)
            except ImportError:
                self._missing = True

    def cost(self, provider: str, model: str, usage: Usage) -> Decimal | None:
        """Return US dollars for the tokens in `usage`; None: the list does not know the model."""
        if (provider, model) in self._unknown:
            return None
        rates = self._rates.get((provider, model))
        if rates is not None and rates.day in (None, _today()) and _fits(usage, rates):
            return cost_of(rates.price, usage)
        return self._looked_up(provider, model, usage)

    def _looked_up(self, provider: str, model: str, usage: Usage) -> Decimal | None:
        self.load()
        if self._library is None:
            return None
        rates = self._rates.get((provider, model))
        # A provider that the list knows has the last word on its models; others are found by the model's name.
        for provider_id in (provider, None):
            try:
                found = self._calculated(model, provider_id, usage)
                if rates is None or rates.day not in (None, _today()):
                    self._keep(provider, model, provider_id, found)
                return Decimal(found.total_price)
            except LookupError:
                if provider_id is not None and self._lists(provider_id):
                    break
            except Exception:  # whatever is wrong with the list, a price is no reason to lose a reply
                return None
        self._unknown.add((provider, model))
        return None

    def _calculated(self, model: str, provider_id: str | None, usage: Usage) -> Any:
        read = min(usage.cached_tokens, usage.input_tokens)  # the list calculates nothing that cannot be
        written = min(usage.cache_write_tokens, usage.input_tokens - read)
        tokens = self._library.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=read or None,
            cache_write_tokens=written or None,
        )
        return self._library.calc_price(tokens, model, provider_id=provider_id)

    def _keep(self, provider: str, model: str, provider_id: str | None, found: Any) -> None:
        """Keep the rates of a model, if they give what the list itself works out."""
        rates = _rates_of(found)
        if rates is not None and all(
            cost_of(rates.price, probe) == self._calculated(model, provider_id, probe).total_price for probe in _PROBES
        ):
            self._rates[provider, model] = rates

    def _lists(self, provider: str) -> bool:
        known = importlib.import_module(f"{_LIBRARY}.data").providers
        return any(entry.id == provider for entry in known)


def cost_of(price: Price, usage: Usage) -> Decimal:
    """Return US dollars for tokens at a price."""
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


def _rates_of(found: Any) -> _Rates | None:
    """Return the rates of a calculation; None if they depend on the time of day, or are unknown to us."""
    conditions = [each.constraint for each in _listed(found.model.prices)]
    if any(hasattr(each, "start_time") for each in conditions):
        return None
    amounts = [getattr(found.model_price, kind, None) for kind in _KINDS]
    tiers = [tier.start for amount in amounts for tier in getattr(amount, "tiers", ())]
    base = [getattr(amount, "base", amount) for amount in amounts]
    each_input, output, cached, written = (None if amount is None else Decimal(amount) for amount in base)
    price = Price(each_input or Decimal(0), output or Decimal(0), cached, cache_write_per_million=written)
    return _Rates(price, min(tiers, default=float("inf")), _today() if conditions else None)


def _listed(prices: Any) -> Iterable[Any]:
    return prices if isinstance(prices, list) else ()


def _fits(usage: Usage, rates: _Rates) -> bool:
    """Return whether a usage has these rates: what came from the cache, and went into it, is part of the prompt."""
    return usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens <= rates.most_input


def _today() -> int:
    return int(time.time() // _DAY)
