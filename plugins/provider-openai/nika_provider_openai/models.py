"""What OpenAI's models can do, as far as is known without asking. Prices come from the public list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from nika_core.plugin import FileAbility, FileTotals, ModelInfo, Price

# Name pattern -> (tokens of context, tokens of output). The first that fits counts.
_SIZES: Final[tuple[tuple[str, int, int], ...]] = (
    (r"gpt-[56].*chat", 128_000, 16_384),
    (r"gpt-6", 1_050_000, 128_000),
    (r"gpt-5\.[4-9](?!.*(mini|nano))", 1_000_000, 128_000),
    (r"gpt-5", 400_000, 128_000),
    (r"gpt-4\.1", 1_047_576, 32_768),
    (r"(chatgpt-|gpt-)4o", 128_000, 16_384),
    (r"gpt-4-turbo", 128_000, 4_096),
    (r"gpt-4", 8_192, 8_192),
    (r"gpt-3\.5", 16_385, 4_096),
    (r"o1|o3|o4", 200_000, 100_000),
)
_REASONING: Final = re.compile(r"(ft:)?(o\d|gpt-[56](?!.*chat))")
KNOWN: Final = (
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "o3",
    "o4-mini",
)
_SEEING: Final = re.compile(r"(ft:)?(chatgpt-|gpt-)(4o|4\.1|4-turbo|[56])|(ft:)?(o1(?!-(mini|preview))|o3(?!-mini)|o4)")
_IMAGES: Final = FileAbility(("image/png", "image/jpeg", "image/gif", "image/webp"), 20 * 1024 * 1024)
_PDF: Final = FileAbility(("application/pdf",), 32 * 1024 * 1024, max_pages=100)
_TEXT: Final = FileAbility(("text/plain",), 10 * 1024 * 1024)
# OpenAI bounds all files of a request by 50 MB, and images by 500; another server has bounds of its own, and says so.
_TOTALS: Final = FileTotals(50 * 1024 * 1024, max_images=500)
_CACHED_FROM: Final = 1024  # tokens of a prompt that OpenAI caches without being asked
_UNCACHED: Final = re.compile(r"(ft:)?(gpt-3|gpt-4(?!o|\.)|gpt-4o-2024-05-13|o1-preview)")
_HALF: Final = Decimal("0.5")


def _files(model: str, *, official: bool) -> tuple[FileAbility, ...]:
    if not official:
        return (_IMAGES, _TEXT)  # a server whose model cannot see says so
    return (_IMAGES, _PDF, _TEXT) if _SEEING.match(model) else (_TEXT,)


def is_openai(address: str) -> bool:
    """Return whether an address is OpenAI's own, of any region."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address of a server: the first call says so
        return False
    return parts.scheme == "https" and f".{parts.hostname or ''}".endswith(".api.openai.com")


def info_of(model: str, *, official: bool, batch: bool, json_schema: bool = True) -> ModelInfo:
    """Describe a model. `official`: the server is OpenAI's own, so that a name means what it means there."""
    context = output = None
    if official:
        name = model.removeprefix("ft:")
        context, output = next(((c, o) for pattern, c, o in _SIZES if re.match(pattern, name)), (None, None))
    return ModelInfo(
        model,
        context,
        output,
        temperature=not (official and _REASONING.match(model)),
        json_schema=json_schema,
        batch=batch,
        batch_discount=_HALF if batch else Decimal(0),
        files=_files(model, official=official),
        file_totals=_TOTALS if official else FileTotals(),
        cached_from=_CACHED_FROM if official and not _UNCACHED.match(model) else None,
        # Only another server knows what its models can do, and says so when it is asked.
        efforts=("low", "medium", "high") if not official or _REASONING.match(model) else (),
    )


def prices_in(listed: Mapping[str, Any]) -> dict[str, Price]:
    """Return the prices in a list of models as OpenRouter and others write them: US dollars for one token, as text."""
    found: dict[str, Price] = {}
    entries = listed.get("data")
    for entry in entries if isinstance(entries, list) else ():
        pricing = entry.get("pricing") if isinstance(entry, Mapping) else None
        if not isinstance(pricing, Mapping):
            continue
        prompt, answer = _per_million(pricing.get("prompt")), _per_million(pricing.get("completion"))
        if prompt is not None and answer is not None:
            cached, written = (_per_million(pricing.get(f"input_cache_{kind}")) for kind in ("read", "write"))
            found[str(entry.get("id"))] = Price(prompt, answer, cached, cache_write_per_million=written)
    return found


def _per_million(text: Any) -> Decimal | None:
    """Return the price of a million tokens; None for what is not a price: some servers write -1 for one that varies."""
    try:
        price = Decimal(str(text)) * 1_000_000
    except ArithmeticError:  # no number, or one beyond all
        return None
    return price if price.is_finite() and price >= 0 else None
