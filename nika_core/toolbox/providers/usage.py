"""What a reply used, under all the names that servers have for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.model.usage import Usage

_MOST: Final = 1e8  # tokens; no call takes that many


def read_usage(told: Any, before: Usage | None = None) -> Usage:
    """Return the tokens in a server's object; what it does not tell keeps its value from `before`, and so does a larger
    value: figures that come several times are those of the reply so far.

    Tokens of reasoning that are not among those of the answer are added to them, and tokens of the cache that are not
    among those of the prompt to these.
    """
    told = told if isinstance(told, Mapping) else {}
    known = before or Usage(calls=1)
    prompt = _count(told, "prompt_tokens", "input_tokens", "prompt_eval_count", "promptTokenCount")
    answer = _count(told, "completion_tokens", "output_tokens", "eval_count", "candidatesTokenCount")
    total = _count(told, "total_tokens", "totalTokenCount")
    inside = _first(told, "prompt_tokens_details", "input_tokens_details")
    beside_read = _count(told, "cache_read_input_tokens")
    beside_written = _count(told, "cache_creation_input_tokens")
    if beside_written is None:
        by_lifetime = _first(told, "cache_creation")
        counts = [_count(by_lifetime, name) or 0 for name in by_lifetime]
        beside_written = sum(counts) if counts else None
    read = beside_read
    if read is None:
        read = _count(inside, "cached_tokens", "cache_read_tokens")
    if read is None:
        read = _count(told, "prompt_cache_hit_tokens", "cached_tokens")
    written = beside_written
    if written is None:
        written = _count(inside, "cache_write_tokens", "cache_creation_tokens")
    if _count(told, "prompt_tokens") is None and prompt is not None:  # the names of Anthropic: the cache is beside it
        earlier = Usage() if inside else known  # what was said of the cache before is not said again
        prompt += earlier.cached_tokens if beside_read is None else beside_read
        prompt += earlier.cache_write_tokens if beside_written is None else beside_written
    beside = (read or 0) + (written or 0)
    if prompt and beside > prompt:  # then it cannot be a part of it
        prompt += beside
    return Usage(
        input_tokens=max(_prompt(prompt, answer, total), known.input_tokens),
        output_tokens=max(_answer(told, prompt, answer, total), known.output_tokens),
        cached_tokens=known.cached_tokens if read is None else read,
        cache_write_tokens=known.cache_write_tokens if written is None else written,
        calls=1,
    )


def _prompt(prompt: int | None, answer: int | None, total: int | None) -> int:
    if not prompt and answer is not None and total is not None:
        return max(0, total - answer)
    return prompt or 0


def _answer(told: Mapping[str, Any], prompt: int | None, answer: int | None, total: int | None) -> int:
    details = _first(told, "completion_tokens_details", "output_tokens_details")
    reasoning = _count(details, "reasoning_tokens") or _count(told, "reasoning_tokens", "thoughtsTokenCount") or 0
    counted = answer or 0
    if reasoning > counted or "thoughtsTokenCount" in told:
        counted += reasoning
    return max(counted, total - prompt if total is not None and prompt else 0)


def _first(told: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found = next((told[name] for name in names if isinstance(told.get(name), Mapping)), None)
    return found if found is not None else {}


def _count(told: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these that is a number of tokens."""
    for name in names:
        value = told.get(name)
        if isinstance(value, str):
            value = int(value) if value.isascii() and value.isdigit() else None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MOST:
            return int(value)
    return None
