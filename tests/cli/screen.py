"""A terminal of endless length and a given width: it knows what the live view sends it."""

from __future__ import annotations

import io
import re
import unicodedata

_PIECES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+|\x1b")


class Screen(io.StringIO):
    """What a person sees, in `rows`, and what is above the window. A wide character is followed by a NUL.

    Attributes:
        refuses: writing to it fails, as when its window was closed.
        writes: how often it was written to.
    """

    def __init__(self, columns: int = 100, encoding: str = "utf-8") -> None:
        super().__init__()
        self.rows = [""]
        self.columns = columns
        self.refuses = False
        self.writes = 0
        self.shown = ""
        self._encoding = encoding
        self._row = self._column = 0
        self._wraps = True

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO has none
        """As a real stream's."""
        return self._encoding

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.refuses:
            raise OSError(5, "Input/output error")
        text.encode(self._encoding)
        self.writes += 1
        self.shown += text
        for piece in _PIECES.findall(text):
            self._take(piece)
        return len(text)

    def resize(self, columns: int) -> None:
        """Become narrower: rows that are wider are broken, as terminals do."""
        before = self.rows[: self._row]
        self.columns = columns
        broken = [row[at : at + columns] for row in before for at in range(0, max(1, len(row)), columns)]
        self.rows = [*broken, ""]
        self._row, self._column = len(broken), 0

    def seen(self) -> list[str]:
        """Return the rows that are not empty, with single spaces."""
        return [" ".join(row.split()) for row in self.rows if row.strip()]

    def _take(self, piece: str) -> None:
        if piece == "\n":
            self._down()
            self._column = 0
        elif piece == "\r":
            self._column = 0
        elif piece in ("\x1b[?7l", "\x1b[?7h"):
            self._wraps = piece.endswith("h")
        elif piece == "\x1b[2K":
            self.rows[self._row] = ""
        elif piece.startswith("\x1b[") and piece.endswith("A"):
            self._row = max(0, self._row - int(piece[2:-1]))
        elif piece.startswith("\x1b["):
            assert re.fullmatch(r"\x1b\[(\?25[lh]|[0-9;]*m)", piece), f"not known here: {piece!r}"
        else:
            piece = piece.replace("\t", " ")
            assert piece.isprintable(), f"a control character: {piece!r}"
            if piece.isascii():
                self._put_ascii(piece)
                return
            for character in piece:
                if not unicodedata.combining(character):
                    self._put(character)

    def _put_ascii(self, text: str) -> None:
        while text:
            if self._column == self.columns:
                if not self._wraps:
                    return
                self._down()
                self._column = 0
            here, text = text[: self.columns - self._column], text[self.columns - self._column :]
            row = self.rows[self._row].ljust(self._column)
            self.rows[self._row] = row[: self._column] + here + row[self._column + len(here) :]
            self._column += len(here)

    def _put(self, character: str) -> None:
        wide = unicodedata.east_asian_width(character) in "WF"
        if self._column + wide >= self.columns:
            if not self._wraps:
                return
            self._down()
            self._column = 0
        row = self.rows[self._row].ljust(self._column)
        self.rows[self._row] = row[: self._column] + character + "\0" * wide + row[self._column + 1 + wide :]
        self._column += 1 + wide

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append("")
