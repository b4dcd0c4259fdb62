"""What Anthropic's models can do, as far as is known without asking. Prices come from the public list."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from nika_core.plugin import FileAbility, FileTotals, ModelInfo

_OLD: Final = re.compile(r"claude-(2|3|instant)|claude-(opus|sonnet)-4-(0|1|2025)")
_SMALL: Final = re.compile(r"claude-(opus|sonnet|haiku)-4-5")
_HALF: Final = Decimal("0.5")
_BY_BUDGET: Final = re.compile(r"claude-3-7|claude-(opus|sonnet|haiku)-4-(0|1|2025|5)")
_NAME: Final = re.compile(r"claude-[a-z]+-\d")
_BLIND: Final = re.compile(r"claude-(2|instant)")
_NO_PDF: Final = re.compile(r"claude-3-(opus|sonnet|haiku)")
# Anthropic bounds an image by 5 MB and a request by 32 MB, both in base64; a request by 100 pages and images, or by 600
# with a context of a million tokens: https://platform.claude.com/docs/en/build-with-claude/pdf-support
_IMAGES: Final = FileAbility(("image/png", "image/jpeg", "image/gif", "image/webp"), 5 * 1024 * 1024 * 3 // 4)
_MAX_BYTES: Final = 22 * 1024 * 1024  # of files, so that there is room for text
_TEXT: Final = FileAbility(("text/plain",), 10 * 1024 * 1024)
KNOWN: Final = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
)


def info_of(model: str) -> ModelInfo:
    """Describe a model. None has a temperature any more: the interface does not take one."""
    old = _OLD.match(model) is not None
    known = _NAME.match(model) is not None
    context = 200_000 if old or _SMALL.match(model) else 1_000_000 if known else None
    # Another model behind the same interface (llama.cpp's server, say) is asked in words: it may not know schemas.
    most = 600 if context is not None and context > 200_000 else 100
    return ModelInfo(
        model,
        context,
        temperature=False,
        json_schema=known and not old,
        batch=True,
        batch_discount=_HALF,
        files=_files(model, most) if known or old else (),
        file_totals=FileTotals(_MAX_BYTES, max_pages=most, max_images=most),
        prompt_cache=(known or old) and not _BLIND.match(model),
        efforts=("low", "medium", "high") if thinking_of(model) else (),
    )


def _files(model: str, pages: int) -> tuple[FileAbility, ...]:
    if _BLIND.match(model):
        return (_TEXT,)
    pdf = FileAbility(("application/pdf",), _MAX_BYTES, max_pages=pages)
    return (_IMAGES, _TEXT) if _NO_PDF.match(model) else (_IMAGES, pdf, _TEXT)


def thinking_of(model: str) -> str:
    """Return how a model is asked to think: `adaptive` (by an effort), by a `budget` of tokens, or "" (not at all)."""
    if _BY_BUDGET.match(model):
        return "budget"
    return "adaptive" if _NAME.match(model) and not _OLD.match(model) else ""
