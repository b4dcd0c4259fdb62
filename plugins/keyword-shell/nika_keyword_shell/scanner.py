"""Finds out in what kind of place of a shell command each placeholder stands. A pure function of the command's text.

It follows POSIX shell syntax as far as a value's safety needs it: quotes, comments, substitutions, parameter
expansions, arithmetic, here-documents, `case`, redirections, and which words are a simple command's. Where shells
differ, or where it does not follow, it refuses: a placeholder is either put where its value is surely data, or not at
all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from nika_keyword_shell.commands import MARK, Finding, Word, judge

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUBSCRIPT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")
_SPECIAL: Final = frozenset("@*#?-$!0123456789")
_KEEP_COMMAND_POSITION: Final = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "{", "}", "time", "function", "coproc"}
)
_OPERATORS: Final = re.compile(r";;&|;;|;&|;|&&|&|\|\||\|")


class Quoting(Enum):
    """What stands around a placeholder whose value can be put there as data."""

    NONE = "none"
    DOUBLE = "double"
    SINGLE = "single"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Scan:
    """`quoting` has one item for each placeholder; `findings` says which ones cannot stay, or should not."""

    quoting: tuple[Quoting, ...]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.fatal)


@dataclass(slots=True)
class _Frame:
    """Something that was opened and not yet closed."""

    kind: str  # command | double | parameter | arithmetic
    name: str  # for messages
    first_mark: int
    refuses: str | None = None  # why no value may stand in it
    quoted: bool = False  # parameter: inside double quotes
    parentheses: int = 0  # arithmetic: open ones
    substitution: bool = False  # command: `$(`, a part of a word of the frame below
    array: bool = False  # command: `name=(`
    words: list[Word] = field(default_factory=list)
    word: Word | None = None
    target: bool = False  # the next word is a redirection's
    cases: list[str] = field(default_factory=list)  # word, in, pattern, body
    brackets: bool = False  # inside [[ ]]


@dataclass(frozen=True, slots=True)
class _Document:
    """A here-document whose text begins at the next line."""

    delimiter: str
    tabs: bool
    quoted: bool
    depth: int


def scan(literals: Sequence[str]) -> Scan:
    """Scan a command whose placeholders stand between the literals: there is one placeholder less."""
    return _Scanner(literals).scan()


class _Scanner:
    def __init__(self, literals: Sequence[str]) -> None:
        self._text = MARK.join(literal.replace(MARK, "") for literal in literals)
        self._at = 0
        self._quoting: list[Quoting] = []
        self._findings: list[Finding] = []
        self._stack = [_Frame("command", "the command", 0)]
        self._lost: str | None = "a NUL byte" if any(MARK in literal for literal in literals) else None
        self._refuse_next: str | None = None
        self._documents: list[_Document] = []

    def scan(self) -> Scan:
        while self._at < len(self._text):
            frame = self._stack[-1]
            character = self._text[self._at]
            if frame.kind == "command":
                self._in_command(frame, character)
            elif frame.kind == "double":
                self._in_double(character)
            elif frame.kind == "parameter":
                self._in_parameter(frame, character)
            else:
                self._in_arithmetic(frame, character)
        for frame in self._stack[1:]:
            for mark in range(frame.first_mark, len(self._quoting)):
                self._refuse(mark, f"{frame.name} before it is never closed")
        for frame in self._stack:
            if frame.kind == "command":
                self._end_command(frame)
        return Scan(tuple(self._quoting), tuple(sorted(set(self._findings), key=lambda one: (one.mark, not one.fatal))))

    # What is found

    def _refuse(self, mark: int, why: str) -> None:
        if not any(finding.mark == mark and finding.fatal for finding in self._findings):
            self._findings.append(Finding(mark, why, fatal=True))

    def _lose(self, what: str) -> None:
        """From here on nothing is sure."""
        self._lost = self._lost or what

    def _mark(self, quoting: Quoting, why_not: str | None = None) -> None:
        mark = len(self._quoting)
        self._quoting.append(quoting)
        if quoting is not Quoting.COMMENT or self._lost or why_not:
            frames = (frame.refuses for frame in reversed(self._stack) if frame.refuses)
            why = why_not or self._refuse_next or next(frames, None)
            if why is None and any(frame.brackets for frame in self._stack):
                why = "it stands in [[ ]], which evaluates some values as expressions and which not every shell has"
            if why is None and self._lost:
                why = f"it comes after {self._lost}, which shells read in different ways"
            if why:
                self._refuse(mark, why)
        self._refuse_next = None
        if quoting is Quoting.COMMENT:
            return
        commands = [frame for frame in self._stack if frame.kind == "command"]
        for frame in commands[:-1]:
            if frame.word is not None:
                frame.word.nested.append(mark)
        word = self._word()
        if word.bracket and quoting is Quoting.NONE:
            self._refuse(mark, "it stands in [ ], where bash evaluates a subscript as an expression")
        word.text += MARK
        word.marks.append(mark)

    def _marks_in(self, text: str, quoting: Quoting, why_not: str | None = None) -> None:
        for _ in range(text.count(MARK)):
            self._mark(quoting, why_not)

    # Words and commands

    def _word(self) -> Word:
        frame = next(frame for frame in reversed(self._stack) if frame.kind == "command")
        if frame.word is None:
            frame.word = Word()
        return frame.word

    def _end_word(self, frame: _Frame) -> None:
        word, frame.word = frame.word, None
        if word is None:
            return
        if frame.target:
            frame.target = False
            return
        text = word.text if word.plain else ""
        if frame.cases and frame.cases[-1] != "body":
            self._end_case_word(frame, text)
            return
        if word.bracket and all(_is_assignment(one) for one in frame.words) and _SUBSCRIPT.match(word.text):
            self._lose("a subscript with a blank in it")
        if not frame.words:
            if text in _KEEP_COMMAND_POSITION:
                return
            if text == "case":
                frame.cases.append("word")
                return
            if text == "esac" and frame.cases:
                frame.cases.pop()
                return
            if text == "alias":
                self._lose("an alias")
        frame.words.append(word)
        if frame.words[0].text == "[[":
            frame.brackets = text != "]]"
        elif frame.brackets and text == "]]":
            frame.brackets = False
        if text == "do" and len(frame.words) == 3 and frame.words[0].text in {"for", "select"}:
            self._end_command(frame)

    def _end_case_word(self, frame: _Frame, text: str) -> None:
        state = frame.cases[-1]
        if state == "word":
            frame.cases[-1] = "in"
        elif state == "in":
            frame.cases[-1] = "pattern"
            if text != "in":
                self._lose("a `case` without `in`")
        elif text == "esac":
            frame.cases.pop()

    def _end_command(self, frame: _Frame) -> None:
        self._end_word(frame)
        words, frame.words = frame.words, []
        frame.target = False
        if words and not frame.array:
            for finding in judge(words):
                if finding.fatal:
                    self._refuse(finding.mark, finding.why)
                else:
                    self._findings.append(finding)

    # The kinds of places

    def _in_command(self, frame: _Frame, character: str) -> None:
        text, at = self._text, self._at
        if character == MARK:
            self._mark(Quoting.NONE)
            self._at += 1
        elif character == "\\":
            self._escaped()
        elif character == "'":
            self._single()
        elif character == '"':
            self._word().quoted = True
            self._push("double", "the double quote")
        elif character == "$":
            self._dollar(quoted=False)
        elif character == "`":
            self._backquote()
        elif character in " \t":
            self._end_word(frame)
            self._at += 1
        elif character == "\n":
            self._end_command(frame)
            self._at += 1
            if self._documents:
                self._read_documents()
        elif character == "#" and frame.word is None:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            self._marks_in(text[at:end], Quoting.COMMENT)
            self._at = end
        elif character == "(":
            self._open(frame)
        elif character == ")":
            self._close(frame)
        elif character in ";&|":
            self._operator(frame)
        elif character in "<>":
            self._redirection(frame)
        else:
            word = self._word()
            if character == "[":
                word.bracket = True
            elif character == "]":
                word.bracket = False
            word.text += character
            self._at += 1

    def _in_double(self, character: str) -> None:
        if character == MARK:
            self._mark(Quoting.DOUBLE)
        elif character == '"':
            self._stack.pop()
        elif character == "\\":
            self._escaped()
            return
        elif character == "$":
            self._dollar(quoted=True)
            return
        elif character == "`":
            self._backquote()
            return
        else:
            self._word().text += character
        self._at += 1

    def _in_parameter(self, frame: _Frame, character: str) -> None:
        if character == MARK:
            self._mark(Quoting.NONE)
        elif character == "}":
            self._stack.pop()
        elif character == "$":
            self._dollar(quoted=frame.quoted)
            return
        elif character == "`":
            self._backquote()
            return
        elif character in "\"'\\" and frame.quoted:
            self._lose("a quote in a quoted ${...}")
        elif character == "'":
            self._single()
            return
        elif character == '"':
            self._push("double", "the double quote")
            return
        elif character == "\\":
            self._escaped()
            return
        self._at += 1

    def _in_arithmetic(self, frame: _Frame, character: str) -> None:
        self._at += 1
        if character == MARK:
            self._mark(Quoting.NONE)
        elif character == "(":
            frame.parentheses += 1
        elif character == ")" and frame.parentheses:
            frame.parentheses -= 1
        elif character == ")":
            if self._text.startswith(")", self._at):
                self._at += 1
            else:
                self._lose("a substitution that begins like arithmetic")
            self._stack.pop()
        elif character == "$":
            self._at -= 1
            self._dollar(quoted=True)
        elif character in "\"'`\\":
            self._lose("a quote in arithmetic")

    # What opens and closes

    def _push(self, kind: str, name: str, length: int = 1, refuses: str | None = None) -> _Frame:
        frame = _Frame(kind, name, len(self._quoting), refuses)
        self._stack.append(frame)
        self._at += length
        return frame

    def _escaped(self) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following == MARK:
            self._refuse_next = "a backslash stands before it"
            self._at += 1
            return
        self._at += 2
        if following != "\n":
            word = self._word()
            word.quoted = True
            word.text += following

    def _single(self) -> None:
        word = self._word()
        word.quoted = True
        end = self._text.find("'", self._at + 1)
        if end < 0:
            self._marks_in(self._text[self._at :], Quoting.SINGLE, "the single quote before it is never closed")
            self._at = len(self._text)
            return
        pieces = self._text[self._at + 1 : end].split(MARK)
        for number, piece in enumerate(pieces):
            if number:
                self._mark(Quoting.SINGLE)
            word.text += piece
        self._at = end + 1

    def _dollar(self, *, quoted: bool) -> None:
        text, at = self._text, self._at
        following = text[at + 1 : at + 2]
        word = self._word()
        if following == MARK:
            self._refuse_next = "a dollar sign stands before it"
            word.text += "$"
            self._at += 1
            return
        word.dynamic = word.dynamic or following not in {"", " ", "\t", "\n"}
        if text.startswith("$((", at):
            self._push(
                "arithmetic", "the $((", 3, "it stands in arithmetic, where a value is evaluated as an expression"
            )
        elif following == "(":
            self._push("command", "the $(", 2).substitution = True
        elif following == "{":
            frame = self._push("parameter", "the ${", 2, "it stands inside of ${...}")
            frame.quoted = quoted
        elif following == "[":
            self._lose("$[")
            self._at += 2
        elif following == "'" and not quoted:
            end = text.find("'", at + 2)
            content = text[at + 2 : end if end >= 0 else len(text)]
            self._marks_in(content, Quoting.SINGLE, "it stands in $'...', which not every shell has")
            if "\\" in content or end < 0:
                self._lose("$'...' with a backslash")
            self._at = end + 1 if end >= 0 else len(text)
        elif following == '"' and not quoted:
            self._push("double", "the double quote", 2, 'it stands in $"...", which not every shell has')
        elif name := _NAME.match(text, at + 1):
            self._at = name.end()
        elif following and following in _SPECIAL:
            self._at += 2
        else:
            word.text += "$"
            self._at += 1

    def _backquote(self) -> None:
        self._word().dynamic = True
        end = self._at + 1
        while end < len(self._text) and self._text[end] != "`":
            end += 2 if self._text[end] == "\\" else 1
        self._marks_in(self._text[self._at : end], Quoting.NONE, "it stands in backquotes")
        self._at = end + 1

    def _open(self, frame: _Frame) -> None:
        if frame.cases and frame.cases[-1] == "pattern" and frame.word is None:
            self._at += 1
            return
        if frame.brackets:
            self._lose("a parenthesis in [[ ]]")
        if self._text.startswith("((", self._at) and frame.word is None:
            self._push("arithmetic", "the ((", 2, "it stands in (( )), where bash evaluates a value as an expression")
            return
        array = frame.word is not None and frame.word.text.endswith("=") and not frame.word.quoted
        if not array:
            self._end_word(frame)
        self._push("command", "the parenthesis").array = array

    def _close(self, frame: _Frame) -> None:
        self._at += 1
        if frame.cases and frame.cases[-1] == "pattern":
            nested = len(frame.cases)
            self._end_word(frame)
            if len(frame.cases) == nested:  # else it was `esac`, and the parenthesis closes something else
                frame.cases[-1] = "body"
                return
        self._end_command(frame)
        if len(self._stack) == 1:
            self._lose("a closing parenthesis without an opening one")
            return
        if frame.cases:
            self._lose("an unfinished `case` in parentheses")
        if any(document.depth >= len(self._stack) for document in self._documents):
            self._lose("a here-document that begins after its substitution has ended")
        self._stack.pop()
        below = self._stack[-1]
        if below.kind == "command" and not frame.substitution and not frame.array:
            below.words = []  # a function's name, or nothing

    def _operator(self, frame: _Frame) -> None:
        found = _OPERATORS.match(self._text, self._at)
        operator = found[0] if found else self._text[self._at]
        self._at += len(operator)
        if frame.cases and frame.cases[-1] == "pattern":
            self._end_word(frame)
            return
        self._end_command(frame)
        if operator in {";;", ";&", ";;&"} and frame.cases:
            frame.cases[-1] = "pattern"

    def _redirection(self, frame: _Frame) -> None:
        text, at = self._text, self._at
        if frame.word is not None and not (frame.word.text.isdigit() and frame.word.plain):
            self._end_word(frame)
        frame.word = None  # a descriptor's number is no word
        if text.startswith("<<<", at):
            self._at += 3
            frame.target = True
        elif text.startswith("<<", at):
            self._document()
        elif text.startswith(("<(", ">("), at):
            self._word().dynamic = True
            self._push("command", "the process substitution", 2).substitution = True
        else:
            self._at += 2 if text.startswith((">>", ">&", "<&", ">|", "<>"), at) else 1
            frame.target = True

    # Here-documents

    def _document(self) -> None:
        text = self._text
        self._at += 2
        tabs = text.startswith("-", self._at)
        self._at += tabs
        while text.startswith((" ", "\t"), self._at):
            self._at += 1
        delimiter, quoted = "", False
        while self._at < len(text) and text[self._at] not in " \t\n;&|<>()":
            character = text[self._at]
            self._at += 1
            if character in "'\"":
                quoted = True
                end = text.find(character, self._at)
                end = len(text) if end < 0 else end
                piece = text[self._at : end]
                if set(piece) & set('$`\\"\n' + MARK):
                    self._lose("a here-document with an unusual end")
                    self._marks_in(piece, Quoting.NONE, "it stands in a here-document's end")
                delimiter += piece
                self._at = end + 1
            elif character == "\\":
                quoted = True
                delimiter += text[self._at : self._at + 1]
                if text[self._at : self._at + 1] in {"", "\n", MARK}:
                    self._lose("a here-document with an unusual end")
                else:
                    self._at += 1
            elif character == MARK:
                self._mark(Quoting.NONE, "it stands in a here-document's end")
                self._lose("a here-document with an unusual end")
            else:
                if character in "$`":
                    self._lose("a here-document with an unusual end")
                delimiter += character
        self._documents.append(_Document(delimiter, tabs, quoted, len(self._stack)))

    def _read_documents(self) -> None:
        documents, self._documents = self._documents, []
        if any(document.depth != len(self._stack) for document in documents):
            self._lose("a here-document that begins inside of a substitution")
        for document in documents:
            while self._at < len(self._text):
                end = self._text.find("\n", self._at)
                end = len(self._text) if end < 0 else end
                line = self._text[self._at : end]
                self._at = end + 1
                if (line.lstrip("\t") if document.tabs else line) == document.delimiter:
                    break
                self._document_line(document, line)

    def _document_line(self, document: _Document, line: str) -> None:
        self._marks_in(line, Quoting.NONE, "it stands in a here-document")
        if len(self._stack) > 1 and line.lstrip("\t").startswith(document.delimiter):
            self._lose("a here-document that ends like its substitution")
        if document.quoted:
            return
        nested = "$(" in line or "${" in line or "`" in line
        balanced = (
            line.count("(") == line.count(")") and line.count("{") == line.count("}") and line.count("`") % 2 == 0
        )
        if line.endswith("\\") or (nested and (not balanced or set(line) & set("'\"\\"))):
            self._lose("a here-document with a substitution over several lines")


def _is_assignment(word: Word) -> bool:
    name, equals, _ = word.text.partition("=")
    return bool(equals) and _NAME.fullmatch(name.removesuffix("+")) is not None
