"""Draws lines that stay, and below them an area that is drawn again and again, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

from nika_core.cli.cells import columns
from nika_core.cli.console import terminal_size

_HIDE: Final = "\x1b[?25l\x1b[?7l"  # the cursor, and no line is broken: a character may be wider than we know
_SHOW: Final = "\x1b[?7h\x1b[?25h"
_ERASE_LINE: Final = "\x1b[2K\n"


class Screen:
    """A terminal with an area at its end. Each change of it is one write, after which the terminal is as it was found.

    Once it cannot be written to, since its window was closed, nothing is written any more.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._area: list[int] = []  # columns of each line
        self._gone = False

    def size(self) -> tuple[int, int]:
        """Return columns and rows, as they are now."""
        return terminal_size(self._stream)

    def draw(self, stay: str, area: Sequence[str]) -> None:
        """Print text that stays (whole lines), and the area below it in place of the one before."""
        if not stay and not area and not self._area:
            return
        below = "".join(f"{line}\n" for line in area)
        self._write(f"{self._erased()}{_HIDE}{_with_breaks(stay)}{below}{_SHOW}")
        self._area = [columns(line) for line in area]

    def _erased(self) -> str:
        """Return what moves to the beginning of the area, and erases it.

        If the terminal has become narrower, it has broken the lines of the area. They are erased one by one: some
        terminals keep a screen that is erased as a whole in what can be scrolled back to.
        """
        if not self._area:
            return "\r"
        width, height = self.size()
        rows = min(height - 1, sum(max(1, -(-taken // width)) for taken in self._area)) or 1
        up = f"\x1b[{rows}A"
        return f"\r{up}{_ERASE_LINE * rows}{up}"

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = self._stream.encoding or "ascii"
                self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True


def _with_breaks(text: str) -> str:
    """Return lines that the terminal may break, unlike those of the area."""
    return text and f"\x1b[?7h{text}\x1b[?7l"
