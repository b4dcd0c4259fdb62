"""Text with a bound: cut at a character boundary, to the exact size, and marked as cut."""

from __future__ import annotations

import re
from typing import Final

from nika_core.values import dataclass

MAX_PROMPT_CHARACTERS: Final = 100_000
_NOTICE: Final = re.compile(r"\n\[TRUNCATED: [0-9]+ bytes → [0-9]+ bytes\]\Z")
_ID: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\Z")
_LITERAL: Final = re.compile(r"(?:true|false|null|(?:0|[1-9][0-9]*)(?:[eE]-?[0-9]+)?)\Z")  # see `template/literals.py`


def why_not_an_id(text: str, max_length: int | None = None) -> str | None:
    """Return why `text` cannot be a task's id; None if it can."""
    if not text:
        return "an id cannot be empty"
    if max_length is not None and len(text) > max_length:
        return f"an id has at most {max_length} characters, this one has {len(text)}"
    if _LITERAL.match(text):
        return f"an id cannot be a number, true, false or null: in a template, {shorten(text, 40)} is a value"
    if _ID.match(text):
        return None
    if text.startswith("-") or text.endswith("-"):
        return "an id does not start or end with '-'"
    return "an id consists of ASCII letters, digits, '-' and '_'"


@dataclass(frozen=True, slots=True)
class Bounded:
    """`text` has at most the asked number of UTF-8 bytes; `original_bytes` is what it had before."""

    text: str
    truncated: bool
    original_bytes: int


def shorten(text: str, length: int) -> str:
    """Return a text for a message: at most `length` characters, with `...` at the end if it was longer."""
    return text if len(text) <= length else text[: length - 3] + "..."


def shorten_start(text: str, length: int, *, cut: bool = False) -> str:
    """Return the end of a text: at most `length` characters, the first one `…` if there was more.

    Args:
        cut: whether it is the end of a longer text already.
    """
    if len(text) > length:
        return "…" + text[len(text) - length + 1 :]
    return "…" + text[max(0, len(text) - length + 1) :] if cut else text


def bound(text: str, max_bytes: int | None, original_bytes: int | None = None) -> Bounded:
    """Cut `text` to `max_bytes` of UTF-8, its last line then `[TRUNCATED: A bytes → B bytes]`.

    Args:
        original_bytes: how long it was before something else had already cut it.
    """
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    original = max(size, original_bytes or 0)
    if max_bytes is None or original <= max_bytes:
        return Bounded(text, False, original)
    notice = f"\n[TRUNCATED: {original} bytes → {max_bytes} bytes]".encode()
    if len(notice) > max_bytes:  # no room to tell: the flag does
        notice = "…".encode() if max_bytes >= len("…".encode()) else b""
    kept = text.encode("utf-8", "replace")[: max_bytes - len(notice)].decode("utf-8", "ignore")
    return Bounded(kept + notice.decode(), True, original)


def is_cut(text: str) -> bool:
    """Return whether `text` ends as what `bound` has cut does."""
    return _NOTICE.search(text, max(0, len(text) - 100)) is not None
