"""What a call to a model consumed."""

from __future__ import annotations

import math
from decimal import Decimal

from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and US dollars.

    Attributes:
        input_tokens: all tokens that were sent.
        output_tokens: all tokens that came back.
        cost_usd: what it cost, in US dollars.
        unpriced: models whose price is unknown: their cost is not in `cost_usd`.
        cached_tokens: how many of the input tokens were read from the provider's cache.
        calls: how many calls there were.
        estimated: whether the provider reported no figures and these are estimates.
        saved_usd: what a batch saved, in US dollars.
        cache_write_tokens: how many of the input tokens were written to the provider's cache.
        models: which models answered; it is not compared.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: tuple[str, ...] = ()
    cached_tokens: int = 0
    calls: int = 0
    estimated: bool = False
    saved_usd: Decimal = Decimal(0)
    cache_write_tokens: int = 0
    models: tuple[str, ...] = field(default=(), compare=False)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def counts(self) -> tuple[int, ...]:
        """All numbers of tokens."""
        return (self.input_tokens, self.output_tokens, self.cached_tokens, self.cache_write_tokens)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
            tuple(dict.fromkeys(self.unpriced + other.unpriced)),
            self.cached_tokens + other.cached_tokens,
            self.calls + other.calls,
            self.estimated or other.estimated,
            self.saved_usd + other.saved_usd,
            self.cache_write_tokens + other.cache_write_tokens,
            tuple(dict.fromkeys(self.models + other.models)),
        )


NOTHING = Usage()


def tokens_text(total: int | str, read: int = 0, written: int = 0) -> str:
    """Return tokens in words: `900 tokens (600 read from the cache, 200 written to it)`.

    Args:
        read, written: how many of them the provider read from its cache, and wrote to it.
    """
    parts = [f"{read} read from the cache"] if read else []
    if written:
        parts.append(f"{written} written to {'it' if read else 'the cache'}")
    return f"{total} tokens ({', '.join(parts)})" if parts else f"{total} tokens"


def money_text(usd: float | Decimal, places: int = 2) -> str:
    """Return US dollars, with the digits that small amounts need: `$12.50`, `$0.0012`, `$0.0000025`; or `$0.0000`.

    Args: places: digits behind the point from one dollar on.
    """
    if usd >= 1:
        return f"${usd:.{places}f}"
    if not usd or usd >= 0.0001:
        return f"${usd:.4f}"
    return "$" + f"{usd:.{min(1 - math.floor(math.log10(usd)), 15)}f}".rstrip("0")
