"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

_LONGEST = 60  # names longer than this are not compared: the comparison is quadratic


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` may stand for; None when none is near enough."""
    if not word or len(word) > _LONGEST:
        return None
    plain = _plain(word)
    best: tuple[float, str] | None = None
    matcher: SequenceMatcher[str] = SequenceMatcher(a="", b=plain, autojunk=False)
    for name in known:
        if len(name) > _LONGEST:
            continue
        if _plain(name) == plain:  # max_turns, MaxTurns, max-turns
            return name
        matcher.set_seq1(_plain(name))
        if matcher.real_quick_ratio() < 0.6 or matcher.quick_ratio() < 0.6:
            continue
        ratio = matcher.ratio()
        # Short words are near to much: one letter of three is not enough to guess by.
        if ratio >= (0.6 if min(len(name), len(word)) > 3 else 0.66) and (best is None or ratio > best[0]):
            best = (ratio, name)
    return best[1] if best else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint, or None."""
    found = nearest(word, known)
    return f"did you mean `{found}`?" if found else None


def _plain(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()
