"""Here-documents: no value may stand in one, and where one ends has to be known to go on behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nika_keyword_shell.expansions import arithmetic_used, expanded_in
from nika_keyword_shell.record import Record
from nika_keyword_shell.words import MARK, Word

_UNUSUAL = "a here-document with an unusual end"


@dataclass(frozen=True, slots=True)
class _Document:
    delimiter: str
    tabs: bool
    quoted: bool
    depth: int
    content: Word  # gets the variables that are expanded in it


class Documents:
    """Those of one command. `marks_in(text, why)` is told of the placeholders that stand in one."""

    def __init__(
        self,
        text: str,
        record: Record,
        marks_in: Callable[[str, str], None],
        read: Callable[[Sequence[str]], Record],
    ) -> None:
        self._text = text
        self._record = record
        self._marks_in = marks_in
        self._read = read
        self._waiting: list[_Document] = []
        self._deepest = 0  # of those that wait

    def announce(self, at: int, depth: int, content: Word) -> int:
        """Read what follows `<<`; return where that ends. The document itself begins at the next line."""
        text = self._text
        tabs = text.startswith("-", at)
        at += tabs
        while text.startswith((" ", "\t"), at):
            at += 1
        delimiter, quoted = "", False
        while at < len(text) and text[at] not in " \t\n;&|<>()":
            character = text[at]
            at += 1
            piece = character
            if character in "'\"":
                quoted = True
                end = text.find(character, at)
                end = len(text) if end < 0 else end
                piece, at = text[at:end], end + 1
                unusual = bool(set(piece) & set('$`\\"\n'))
            elif character == "\\":
                quoted = True
                piece = text[at : at + 1]
                unusual = piece in {"", "\n", MARK}
                at += not unusual
            else:
                unusual = character in "$`"
            if unusual or MARK in piece:
                self._record.lose(_UNUSUAL)
                self._marks_in(
                    piece if piece != MARK or character != "\\" else "", "it stands in a here-document's end"
                )
            delimiter += piece
        if not delimiter and not quoted:
            self._record.lose(_UNUSUAL)
        self._waiting.append(_Document(delimiter, tabs, quoted, depth, content))
        self._deepest = max(self._deepest, depth)
        return at

    def closes(self, depth: int) -> None:
        """Note that what was opened at `depth` is closed: a document that was announced in it has no place left."""
        if self._deepest >= depth:
            self._record.lose("a here-document that begins after its substitution has ended")

    def skip(self, at: int, depth: int) -> int:
        """Skip the documents that were announced before the line at `at`; return where the command goes on."""
        waiting, self._waiting, self._deepest = self._waiting, [], 0
        if any(document.depth != depth for document in waiting):
            self._record.lose("a here-document that begins inside of a substitution")
        for document in waiting:
            while at < len(self._text):
                end = self._text.find("\n", at)
                end = len(self._text) if end < 0 else end
                line = self._text[at:end]
                at = end + 1
                if (line.lstrip("\t") if document.tabs else line) == document.delimiter:
                    break
                self._line(document, line)
        return min(at, len(self._text))

    def _line(self, document: _Document, line: str) -> None:
        self._marks_in(line, "it stands in a here-document")
        document.content.add(line + "\n")
        if document.depth > 1 and line.lstrip("\t").startswith(document.delimiter):
            self._record.lose("a here-document that ends like its substitution")
        if document.quoted:
            return
        document.content.variables |= expanded_in(line)
        document.content.dynamic = document.content.dynamic or "$(" in line or "`" in line
        if "$((" in line or "${" in line:
            arithmetic_used(self._record.structure, line)
        nested = "$(" in line or "${" in line or "`" in line
        balanced = (
            line.count("(") == line.count(")")
            and line.count("{") == line.count("}")
            and line.count("`") % 2 == 0
            and not set(line) & set("'\"\\")
        )
        if nested and balanced:
            self._record.structure.take(self._read(['"' + line.replace(MARK, "x") + '"']).structure)
        if line.endswith("\\") or (nested and not balanced):
            self._record.lose("a here-document with a substitution over several lines")
