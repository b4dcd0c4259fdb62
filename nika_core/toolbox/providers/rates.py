"""What servers say of their limits with an answer, and of its price: headers, read."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from nika_core.plugin.provider import RateLimit, RateState

_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|[dhms]))")
_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_MOST: Final = Decimal(1_000_000)  # US dollars; no answer costs that


def read_rate_state(headers: Mapping[str, Any], now: float) -> RateState | None:
    """Return what the headers of an answer say of the server's limits; None: nothing.

    Reads `x-ratelimit-*` (OpenAI and most others) and `anthropic-ratelimit-*`.

    Args:
        now: seconds since the epoch.
    """
    kinds = ("requests", "tokens", "input-tokens", "output-tokens")
    requests, tokens, prompts, answers = (_limit(headers, kind, now) for kind in kinds)
    if prompts is not None or answers is not None:
        tokens = None  # Anthropic's word for the one of both of which least is left
    state = RateState(requests, tokens, prompts, answers)
    return None if state == RateState() else state


def read_bill(told: Any) -> Decimal | None:
    """Return the US dollars that a server says an answer cost, in its object of usage; None: it does not say."""
    cost = told.get("cost") if isinstance(told, Mapping) else None
    if isinstance(cost, Mapping):
        cost = cost.get("total_cost")
    return _dollars(cost)


def _dollars(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _MOST else None


def _limit(headers: Mapping[str, Any], kind: str, now: float) -> RateLimit | None:
    for name in (f"x-ratelimit-{{}}-{kind}", f"anthropic-ratelimit-{kind}-{{}}"):
        left, reset = _number(headers.get(name.format("remaining"))), _seconds(headers.get(name.format("reset")), now)
        if left is not None and reset is not None:
            return RateLimit(left, reset, _number(headers.get(name.format("limit"))) or None)
    return None


def _number(text: Any) -> int | None:
    text = str(text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _seconds(text: Any, now: float) -> float | None:
    """Return the seconds until a limit is whole again: `6m0s`, `20ms`, `59`, a time in RFC 3339."""
    text = str(text or "").strip()
    if not text or len(text) > 40:
        return None
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        seconds = float(text)
        if not math.isfinite(seconds) or seconds < 0:
            return None
        return max(0.0, seconds - now) if seconds > 1e8 else seconds  # a time of the clock, not a duration
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now)


class ReplyEvents:
    """The events of a reply, with what the response said of the server's limits.

    Attributes:
        rates: the limits; None: it said nothing.
        whole: whether the response is one JSON answer by its content type, and no stream.
    """

    def __init__(
        self, events: AsyncGenerator[Mapping[str, Any], None], rates: RateState | None, *, whole: bool = False
    ) -> None:
        self._events = events
        self.rates = rates
        self.whole = whole

    def __aiter__(self) -> AsyncIterator[Mapping[str, Any]]:
        return self._events  # one layer less for each event

    def __anext__(self) -> Awaitable[Mapping[str, Any]]:
        return anext(self._events)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._events.aclose()
