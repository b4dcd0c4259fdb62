"""What is left of a secret where a text was cut: its beginning before the mark of the cut, or its end after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nika_core.model.secret_forms import MIN_LENGTH

# What `bounded` and others put where they cut; the second also as it is escaped in JSON.
_MARK: Final = re.compile(r"…|\\u2026|\.{3,}|\[TRUNCATED: ")
_ESCAPED_NEWLINE: Final = re.compile(r"\\+n\Z")
_BETWEEN: Final = " \t\r\n\ufffd'\"`"  # may stand between a mark and what was cut: half a character, a quote


class SecretPieces:
    """Finds pieces of 6 characters or more beside the marks of cuts."""

    def __init__(self, forms: Sequence[str]) -> None:
        self._forms = tuple(form for form in forms if len(form) > MIN_LENGTH)
        self._longest = max(map(len, self._forms), default=0)
        # Every piece begins and ends with one of these: nearly all marks have none beside them, and cost nothing more.
        self._parts = {form[at : at + MIN_LENGTH] for form in self._forms for at in range(len(form) - MIN_LENGTH + 1)}
        self._begins = _any_of({form[:MIN_LENGTH] for form in self._forms})
        self._ends = _any_of({form[-MIN_LENGTH:] for form in self._forms})

    def replaced(self, text: str, mask: str) -> str:
        """Return `text` with each piece replaced by `mask`."""
        if not self._forms or not ("…" in text or "..." in text or "[TRUNCATED: " in text or "\\u2026" in text):
            return text
        shown, done = [], 0
        for start, end in sorted(self._places(text)):
            if end <= done:
                continue
            shown += [text[done : max(start, done)], mask]
            done = end
        return "".join((*shown, text[done:])) if done else text

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        since = 0
        for mark in _MARK.finditer(text):
            end, start = self._end_before(text, mark.start()), self._start_after(text, mark.end())
            if text[max(0, end - MIN_LENGTH) : end] not in self._parts:
                pass
            elif (begin := self._beginning(text, end)) is not None:
                yield begin, end
            elif MIN_LENGTH <= end - since <= self._longest and any(text[since:end] in form for form in self._forms):
                yield since, end  # of a secret that was cut on both sides
            near = text[start : start + MIN_LENGTH]
            if near in self._parts and (last := self._ending(text, start)) is not None:
                yield start, last
            since = start

    def _beginning(self, text: str, end: int) -> int | None:
        """Return the first place from which `text`, up to `end`, is the beginning of a secret."""
        # Overlapping places count, hence the lookahead.
        for at in self._begins.finditer(text, max(0, end - self._longest), end):
            piece = text[at.start() : end]
            if len(piece) >= MIN_LENGTH and any(form.startswith(piece) for form in self._forms):
                return at.start()
        return None

    def _ending(self, text: str, start: int) -> int | None:
        """Return the last place up to which `text`, from `start`, is the end of a secret."""
        last = None
        for at in self._ends.finditer(text, start, start + self._longest):
            until = at.start() + MIN_LENGTH
            if any(form.endswith(text[start:until]) for form in self._forms):
                last = until
        return last

    @staticmethod
    def _end_before(text: str, mark: int) -> int:
        end = mark
        if newline := _ESCAPED_NEWLINE.search(text, max(0, mark - 8), mark):
            end = newline.start()
        while end and text[end - 1] in _BETWEEN:
            end -= 1
        return end

    @staticmethod
    def _start_after(text: str, mark: int) -> int:
        while mark < len(text) and text[mark] in _BETWEEN:
            mark += 1
        return mark


def _any_of(pieces: set[str]) -> re.Pattern[str]:
    """Return what matches, without taking it, each of the pieces; nothing without a piece."""
    return re.compile(f"(?={'|'.join(map(re.escape, sorted(pieces)))})" if pieces else r"(?!)")
