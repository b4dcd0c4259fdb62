"""The signs of progress, in what the encoding of a stream can show."""

from __future__ import annotations

from typing import Final, TextIO

from nika_core.cli.console import plain
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """One set of signs, each one column wide.

    Attributes:
        cut: stands for text that is left out.
        full, empty: the two parts of a bar.
        encoding: of the stream; a character that it lacks is shown as `?`. None: it can show all.
    """

    started: str = "▶"
    succeeded: str = "✓"
    failed: str = "✗"
    retrying: str = "…"
    reused: str = "↻"
    skipped: str = "○"
    detail: str = "·"
    notice: str = "!"
    asked: str = "?"
    between: str = "·"
    cut: str = "…"
    full: str = "█"
    empty: str = "░"
    rule: str = "─"
    encoding: str | None = None

    def text(self, text: str) -> str:
        """Return text from outside as the stream can show it, without control characters; newlines stay."""
        text = plain(text)
        if self.encoding is None or text.isascii():
            return text
        return text.encode(self.encoding, "replace").decode(self.encoding)

    def line(self, text: str) -> str:
        """Return the same on one line."""
        return self.text(" ".join(text.split()))


UNICODE: Final = Marks()
_ASCII: Final = {
    "started": ">",
    "succeeded": "+",
    "failed": "x",
    "retrying": "~",
    "reused": "=",
    "skipped": "-",
    "detail": "|",
    "between": "|",
    "cut": "~",
    "full": "#",
    "empty": ".",
    "rule": "-",
}


def marks_for(stream: TextIO) -> Marks:
    """Return the signs for a stream: plain ASCII if its encoding lacks one of the others."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        "".join(getattr(UNICODE, name) for name in _ASCII).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Marks(**_ASCII, encoding=encoding)
    return UNICODE
