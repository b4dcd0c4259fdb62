"""How much a model is to think before it answers."""

from __future__ import annotations

from typing import Final

EFFORTS: Final = ("low", "medium", "high")
_DEFAULT_MAX_TOKENS: Final = {"medium": 8192, "high": 16384}


def default_max_tokens(effort: str | None) -> int:
    """Return how many tokens a reply may have if nothing says `maxTokens`: what a model thinks counts among them."""
    return _DEFAULT_MAX_TOKENS.get(effort or "", 4096)
