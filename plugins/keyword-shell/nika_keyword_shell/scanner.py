"""Finds out in what kind of place of a shell command each placeholder stands. A pure function of the command's text.

It follows POSIX shell syntax as far as a value's safety needs it: quotes, comments, substitutions, parameter
expansions, arithmetic, here-documents, `case`, redirections, and which words are a simple command's. Where shells
differ, or where it does not follow, it refuses: a placeholder is either put where its value is surely data, or not at
all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from nika_keyword_shell.documents import Documents
from nika_keyword_shell.expansions import arithmetic_used, expand, expanded_in
from nika_keyword_shell.record import Frame, Quoting, Record
from nika_keyword_shell.sentences import (
    define,
    end_by_operator,
    end_pattern,
    end_pipeline,
    end_word,
    in_pattern,
    word_of,
)
from nika_keyword_shell.words import EXPANSION, MARK, POSITIONAL, Word

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL: Final = frozenset("@*#?-$!0123456789")
_PLAIN: Final = re.compile(r"[^\0\\'\"$`\s()\[\];&|<>]+")
_PLAIN_IN_DOUBLE: Final = re.compile(r'[^\0\\"$`]+')
_MAX_OPEN: Final = 64
_OPERATOR: Final = re.compile(r";;&|;;|;&|;|&&|&|\|\||\|&|\|")
_UNREADABLE: Final = {ord(MARK): None, ord(EXPANSION): None}
_UNMARKED: Final = {ord(MARK): "x", ord("\\"): None}  # of what stands in backquotes, where marks are refused
_REDIRECTION: Final = re.compile(r"<<<|<<|<>|<&|<|>>|>&|>\||>")


def read(literals: Sequence[str]) -> Record:
    """Read a command whose placeholders stand between the literals: there is one placeholder less."""
    return _Scanner(literals).read()


class _Scanner:
    def __init__(self, literals: Sequence[str]) -> None:
        self._text = MARK.join(literal.translate(_UNREADABLE) for literal in literals)
        self._at = 0
        self._record = Record()
        self._stack = [Frame("command", "the command", 0)]
        self._refuse_next: str | None = None
        self._documents = Documents(
            self._text, self._record, lambda text, why: self._marks_in(text, Quoting.NONE, why), read
        )
        if any(MARK in literal for literal in literals):
            self._record.lose("a NUL byte")

    def read(self) -> Record:
        inside = {
            "command": self._in_command,
            "double": self._in_double,
            "parameter": self._in_parameter,
            "arithmetic": self._in_arithmetic,
        }
        while self._at < len(self._text):
            frame = self._stack[-1]
            if len(self._stack) > _MAX_OPEN:
                self._record.lose("more quotes and substitutions within each other than are followed")
                self._marks_in(self._text[self._at :], Quoting.NONE)
                break
            inside[frame.kind](frame, self._text[self._at])
        for frame in self._stack[1:]:
            for mark in range(frame.first_mark, len(self._record.quoting)):
                self._record.refuse(mark, f"{frame.name} before it is never closed")
        for frame in self._stack:
            if frame.kind == "command":
                end_pipeline(self._record, frame)
        return self._record

    # Placeholders

    def _mark(self, quoting: Quoting, why_not: str | None = None) -> None:
        record = self._record
        mark = len(record.quoting)
        record.quoting.append(quoting)
        why = why_not or self._refuse_next
        self._refuse_next = None
        if record.lost:
            record.refuse(mark, why or f"it comes after {record.lost}, which shells read in different ways")
            return
        if quoting is not Quoting.COMMENT:
            why = why or next((frame.refuses for frame in reversed(self._stack) if frame.refuses), None)
            if why is None and any(frame.brackets for frame in self._stack):
                why = "it stands in [[ ]], which evaluates some values as expressions and which not every shell has"
        if why:
            record.refuse(mark, why)
        if quoting is Quoting.COMMENT:
            return
        *outer, innermost = (frame for frame in self._stack if frame.kind == "command")
        for frame in outer:
            if frame.word is not None:
                frame.word.nested.append(mark)
        word = word_of(innermost)
        if word.bracket and quoting is Quoting.NONE:
            record.refuse(mark, "it stands in [ ], where bash evaluates a subscript as an expression")
        word.add(MARK)
        word.marks.append(mark)

    def _marks_in(self, text: str, quoting: Quoting, why_not: str | None = None) -> None:
        for _ in range(text.count(MARK)):
            self._mark(quoting, why_not)

    def _word(self) -> Word:
        return word_of(next(frame for frame in reversed(self._stack) if frame.kind == "command"))

    def _words(self) -> list[Word]:
        """Return the word that is being read, and those that hold it in a substitution."""
        return [frame.word for frame in self._stack if frame.kind == "command" and frame.word is not None]

    # The kinds of places

    def _in_command(self, frame: Frame, character: str) -> None:
        if character == MARK:
            self._mark(Quoting.NONE)
            self._at += 1
        elif character == "\\":
            self._escaped()
        elif character == "'":
            self._single()
        elif character == '"':
            self._word().quoted = True
            self._push("double", "the double quote", 1)
        elif character == "$":
            self._dollar(quoted=False)
        elif character == "`":
            self._backquote()
        elif character in " \t":
            end_word(self._record, frame)
            self._at += 1
        elif character == "\n":
            end_pipeline(self._record, frame, "\n")
            self._at = self._documents.skip(self._at + 1, len(self._stack))
        elif character == "#" and frame.word is None:
            end = self._find("\n", self._at)
            self._marks_in(self._text[self._at : end], Quoting.COMMENT)
            self._at = end
        elif character == "(":
            self._open(frame)
        elif character == ")":
            self._close(frame)
        elif character in ";&|":
            found = _OPERATOR.match(self._text, self._at)
            operator = found[0] if found else character
            self._at += len(operator)
            end_by_operator(self._record, frame, operator)
        elif character in "<>":
            self._redirection(frame)
        else:
            word = word_of(frame)
            if character in "[]":
                word.bracket = character == "["
            self._plain(word, _PLAIN)

    def _in_double(self, frame: Frame, character: str) -> None:
        if character == "\\":
            self._escaped()
        elif character == "$":
            self._dollar(quoted=True)
        elif character == "`":
            self._backquote()
        elif character == MARK:
            self._mark(Quoting.DOUBLE)
            self._at += 1
        elif character == '"':
            self._stack.pop()
            self._at += 1
        else:
            self._plain(self._word(), _PLAIN_IN_DOUBLE)

    def _in_parameter(self, frame: Frame, character: str) -> None:
        if character == "$":
            self._dollar(quoted=frame.quoted)
        elif character == "`":
            self._backquote()
        elif character == "'" and not frame.quoted:
            self._single()
        elif character == '"' and not frame.quoted:
            self._push("double", "the double quote", 1)
        elif character == "\\" and not frame.quoted:
            self._escaped()
        else:
            self._at += 1
            if character == MARK:
                self._mark(Quoting.NONE)
            elif character == "}":
                self._stack.pop()
                expand(self._record.structure, self._words(), self._text[frame.begins : self._at - 1])
            elif character in "\"'\\":
                self._record.lose("a quote in a quoted ${...}")

    def _in_arithmetic(self, frame: Frame, character: str) -> None:
        if character == "$":
            self._dollar(quoted=True)
            return
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
                self._record.lose("a substitution that begins like arithmetic")
            self._stack.pop()
            arithmetic_used(self._record.structure, self._text[frame.begins : self._at - 1])
        elif character in "\"'`\\":
            self._record.lose("a quote in arithmetic")

    def _plain(self, word: Word, pattern: re.Pattern[str]) -> None:
        """Read one character, and all behind it that mean nothing in particular."""
        found = pattern.match(self._text, self._at + 1)
        end = found.end() if found else self._at + 1
        word.add(self._text[self._at : end])
        self._at = end

    # What opens and closes

    def _push(self, kind: str, name: str, length: int, refuses: str | None = None) -> Frame:
        number = len(self._record.structure.commands)
        self._at += length
        frame = Frame(kind, name, len(self._record.quoting), refuses, self._at, first=number, element=number)
        self._stack.append(frame)
        return frame

    def _find(self, what: str, start: int) -> int:
        found = self._text.find(what, start)
        return len(self._text) if found < 0 else found

    def _escaped(self) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if following == MARK:
            self._refuse_next = "a backslash stands before it, which the shell takes away; write four for one"
            self._at += 1
            return
        self._at += 2
        if following != "\n":
            word = self._word()
            word.quoted = True
            word.add(following)

    def _single(self) -> None:
        word = self._word()
        word.quoted = True
        end = self._find("'", self._at + 1)
        why = "the single quote before it is never closed" if end == len(self._text) else None
        for number, piece in enumerate(self._text[self._at + 1 : end].split(MARK)):
            if number:
                self._mark(Quoting.SINGLE, why)
            word.add(piece)
        self._at = end + 1

    def _dollar(self, *, quoted: bool) -> None:
        text, at = self._text, self._at
        following = text[at + 1 : at + 2]
        word = self._word()
        if following == MARK:
            self._refuse_next = "a dollar sign stands before it"
            word.add("$")
            self._at += 1
            return
        if following not in {"", " ", "\t", "\n"}:
            word.dynamic = True
            word.split = word.split or not quoted
            word.add(EXPANSION)
        if text.startswith("$((", at):
            why = "it stands in arithmetic, where a value is evaluated as an expression"
            self._push("arithmetic", "the $((", 3, why)
        elif following == "(":
            self._push("command", "the $(", 2).substitution = True
        elif following == "{":
            self._push("parameter", "the ${", 2, "it stands inside of ${...}").quoted = quoted
        elif following == "[":
            self._record.lose("$[")
            self._at += 2
        elif following == "'" and not quoted:
            end = self._find("'", at + 2)
            content = text[at + 2 : end]
            self._marks_in(content, Quoting.SINGLE, "it stands in $'...', which not every shell has")
            if content.endswith("\\") or end == len(text):
                self._record.lose("$'...' with a backslash")
            self._at = end + 1
        elif following == '"' and not quoted:
            self._push("double", "the double quote", 2, 'it stands in $"...", which not every shell has')
        elif name := _NAME.match(text, at + 1):
            self._expand(name[0])
            self._at = name.end()
        elif following and following in _SPECIAL:
            if following in "@*0123456789":
                self._expand(POSITIONAL)
                word.split = word.split or following == "@"
            self._at += 2
        else:
            word.add("$")
            self._at += 1

    def _expand(self, name: str) -> None:
        """Note a variable in the word, and in those that hold it in a substitution."""
        for word in self._words():
            word.variables.add(name)

    def _backquote(self) -> None:
        word = self._word()
        word.dynamic = word.split = True
        word.add(EXPANSION)
        end = self._at + 1
        while end < len(self._text) and self._text[end] != "`":
            end += 2 if self._text[end] == "\\" else 1
        self._marks_in(self._text[self._at : end], Quoting.NONE, "it stands in backquotes")
        for name in expanded_in(self._text[self._at : end]):
            self._expand(name)
        if end > self._at + 1:
            structure = self._record.structure
            first = len(structure.commands)
            structure.take(read([self._text[self._at + 1 : end].translate(_UNMARKED)]).structure)
            structure.substituted.append((word, range(first, len(structure.commands))))
        self._at = end + 1

    def _open(self, frame: Frame) -> None:
        if in_pattern(frame) and frame.word is None:
            self._at += 1
            return
        if frame.brackets:
            self._record.lose("a parenthesis in [[ ]]")
        if self._text.startswith("((", self._at) and frame.word is None:
            why = "it stands in (( )), where bash evaluates a value as an expression"
            self._push("arithmetic", "the ((", 2, why)
            return
        array = frame.word is not None and frame.word.ends_with("=") and not frame.word.quoted
        if not array:
            end_word(self._record, frame)
        elif frame.word is not None:
            self._record.structure.arrays.add(frame.word.text.rstrip("+="))
        opened = self._push("command", "the parenthesis", 1)
        opened.array = array
        if not array and not frame.words:
            opened.function, frame.function = frame.function, None

    def _close(self, frame: Frame) -> None:
        self._at += 1
        if in_pattern(frame) and end_pattern(self._record, frame):
            return
        end_pipeline(self._record, frame)
        if len(self._stack) == 1:
            self._record.lose("a closing parenthesis without an opening one")
            return
        if frame.cases:
            self._record.lose("an unfinished `case` in parentheses")
        self._documents.closes(len(self._stack))
        self._stack.pop()
        below = self._stack[-1]
        body = range(frame.first, len(self._record.structure.commands))
        if frame.substitution and not frame.written_to and body:
            self._record.structure.substituted.append((self._word(), body))
        if frame.written_to:
            self._record.structure.written_to.append(body)
        if below.kind == "command" and not frame.substitution and not frame.array:
            if not body and len(below.words) == 1:
                below.function = below.words[0].text
            elif opened_for := frame.function:
                define(self._record, opened_for, body)
            below.words = []

    def _redirection(self, frame: Frame) -> None:
        text, at = self._text, self._at
        process = text.startswith(("<(", ">("), at)
        if frame.word is not None and frame.word.text.isdigit() and frame.word.plain:
            frame.word = None  # a descriptor's number is not a word
        elif not process:
            end_word(self._record, frame)
        if process:
            word = word_of(frame)
            word.dynamic = word.process = True
            word.add(EXPANSION)
            opened = self._push("command", "the process substitution", 2)
            opened.substitution = True
            opened.written_to = text[at] == ">"
            return
        found = _REDIRECTION.match(text, at)
        operator = found[0] if found else text[at]
        self._at += len(operator)
        if operator == "<<":
            document = Word()
            frame.redirections.inputs.append((operator, document))
            self._at = self._documents.announce(self._at, len(self._stack), document)
        else:
            frame.target = operator
