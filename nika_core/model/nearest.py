"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

_LONGEST = 60  # names longer than this are not compared: the comparison is quadratic
_MOST = 2000  # names that are looked at: a message is worth so much time and no more


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that `word` may mean; None if none is near enough."""
    if not word or len(word) > _LONGEST:
        return None
    plain = _plain(word)
    letters = sorted(plain)
    best: str | None = None
    best_ratio = 0.0
    matcher: SequenceMatcher[str] = SequenceMatcher(a="", b=plain, autojunk=False)
    for name in islice(known, _MOST):
        if len(name) > _LONGEST or abs(len(name) - len(word)) > len(word):
            continue
        if _plain(name) == plain:  # max_turns, MaxTurns, max-turns
            return name
        if best_ratio < 0.9 and sorted(_plain(name)) == letters:  # two letters changed places
            best, best_ratio = name, 0.9
            continue
        matcher.set_seq1(_plain(name))
        # Short words are near to much: one letter of three is not enough to guess by.
        enough = max(best_ratio, 0.6 if min(len(name), len(word)) > 3 else 0.66)
        if matcher.real_quick_ratio() < enough or matcher.quick_ratio() < enough:
            continue
        ratio = matcher.ratio()
        if ratio >= enough and ratio > best_ratio:
            best, best_ratio = name, ratio
    return best


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return a hint, or None."""
    found = nearest(word, known)
    return f"did you mean `{found}`?" if found else None


def _plain(word: str) -> str:
    return word.replace("_", "").replace("-", "").lower()
