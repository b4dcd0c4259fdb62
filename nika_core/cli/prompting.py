"""Asks a person at the terminal: shows a question and reads its answer, line by line."""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from nika_core.cli.console import masked, plain, print_message, style
from nika_core.model.formats import FORMAT_NAMES
from nika_core.model.input_values import read_field
from nika_core.model.question import AnswerError, OpenQuestion, Question, check_answer
from nika_core.model.text import time_text
from nika_core.model.workflow import InputSpec

_STDIN: Final = 0
_ROWS_LEFT: Final = 6  # of a page: the question's own
_PAGE_HELP: Final = "Enter: next page, b: back, q: to the question"


class LeftOpenError(Exception):
    """The person has left the question open."""


class WithdrawnError(Exception):
    """The question is not asked any more; the text says why."""


class TerminalReader:
    """Reads lines of the terminal. Another thread may end the reading."""

    def __init__(self) -> None:
        self._woken, self._wake = os.pipe()
        self._why: Exception | None = None
        self._rest = b""

    def close(self) -> None:
        """Read no more."""
        for descriptor in (self._woken, self._wake):
            os.close(descriptor)

    def stop(self, why: Exception) -> None:
        """End the reading, and raise `why` where it goes on; of several reasons the first."""
        self._why = self._why or why
        with suppress(OSError):
            os.write(self._wake, b".")

    def begin(self) -> None:
        """Forget what was typed before the question was shown: it is not an answer to it."""
        self._rest, self._why = b"", None
        while select.select([self._woken], [], [], 0)[0]:
            os.read(self._woken, 64)
        with suppress(ImportError, OSError):
            import termios

            termios.tcflush(_STDIN, termios.TCIFLUSH)

    def line(self, prompt: str) -> str:
        """Return one line. Raise LeftOpenError at the end of the input, or what `stop` was given."""
        sys.stderr.write(masked(prompt))
        sys.stderr.flush()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([_STDIN, self._woken], [], [])
            if self._woken in ready:
                raise self._why or LeftOpenError
            piece = os.read(_STDIN, 65536)
            if not piece:
                raise LeftOpenError
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace").strip()


def ask_here(asked: OpenQuestion, reader: TerminalReader) -> Any:
    """Show a question, and return the answer, after `reader.begin()`. Raise LeftOpenError or WithdrawnError."""
    question = asked.question
    print_message(style(f"── {plain(asked.task)} asks ", "bold", "cyan") + style("─" * 24, "cyan"))
    _show(asked, reader)
    if question.form is None:
        return _yes_or_no(asked, reader)
    word = _word(asked, reader)
    if word:
        return word
    values = {name: _field(name, spec, reader) for name, spec in question.form.items()}
    return {name: value for name, value in values.items() if value is not _NOTHING}


def show_lines(question: Question, width: int) -> list[str]:
    """Return the shown value as lines of a terminal, whatever is in it."""
    if question.show is None:
        return []
    text = question.show if isinstance(question.show, str) else json.dumps(question.show, indent=2, ensure_ascii=False)
    lines: list[str] = []
    for line in plain(text).split("\n"):
        lines += textwrap.wrap(line, width, drop_whitespace=False, replace_whitespace=False, tabsize=4) or [""]
    return lines


def _show(asked: OpenQuestion, reader: TerminalReader) -> None:
    print_message(plain(asked.question.message))
    columns, rows = shutil.get_terminal_size((80, 24))
    lines = show_lines(asked.question, max(20, columns - 3))
    page = max(5, rows - _ROWS_LEFT)
    if len(lines) <= page:
        for line in lines:
            print_message(f"  {line}")
    else:
        _scroll(lines, page, reader)
    if asked.deadline is not None:
        default = asked.question.default
        then = f", then the answer is {json.dumps(default, ensure_ascii=False)}" if asked.question.has_default else ""
        print_message(style(plain(f"expires at {time_text(asked.deadline)}{then}"), "dim"))


def _scroll(lines: list[str], page: int, reader: TerminalReader) -> None:
    at = 0
    while True:
        shown = lines[at : at + page]
        for line in shown:
            print_message(f"  {line}")
        where = f"-- lines {at + 1} to {at + len(shown)} of {len(lines)} ({_PAGE_HELP}) "
        if at + page >= len(lines):
            where = f"-- lines {at + 1} to {len(lines)} of {len(lines)} (Enter: to the question, b: back) "
        command = reader.line(style(where, "dim")).lower()
        if command == "b":
            at = max(0, at - page)
        elif command == "q" or at + page >= len(lines):
            return
        else:
            at += page


def _word(asked: OpenQuestion, reader: TerminalReader) -> str:
    """Return the word that is answered in place of the form's fields; "": the form is filled in."""
    words = asked.question.words
    while words:
        typed = reader.line(
            f"{style('Enter', 'bold')}: fill in {', '.join(map(plain, asked.question.form or ()))}; or "
            f"{style(' or '.join(words), 'bold')} (?: show it again, Ctrl-C: leave it open) > "
        ).lower()
        if typed == "?":
            _show(asked, reader)
        elif typed in words:
            return typed
        elif typed:
            print_message(f"  please press Enter, or type {' or '.join(words)}")
        else:
            break
    return ""


def _yes_or_no(asked: OpenQuestion, reader: TerminalReader) -> Any:
    choices = " or ".join(("yes", "no", *asked.question.words))
    while True:
        typed = reader.line(f"{style(choices, 'bold')} (?: show it again, Ctrl-C: leave it open) > ")
        if typed == "?":
            _show(asked, reader)
            continue
        try:
            return check_answer(asked.question, typed)
        except AnswerError as error:
            print_message(f"  {plain(str(error))}" if typed else f"  please answer {choices}")


_NOTHING: Final = object()


def _field(name: str, spec: InputSpec, reader: TerminalReader) -> Any:
    """Return a field's value as it is typed; `_NOTHING` if there is none, and need not be any."""
    about = f" ({plain(spec.description)})" if spec.description else ""
    choices = spec.enum or ((True, False) if spec.type == "bool" else ())
    if spec.enum:
        print_message(f"{style(plain(name), 'bold')}{about}:")
        for number, choice in enumerate(choices, 1):
            print_message(f"  {number}) {plain(_text(choice))}")
        kind = f"1 to {len(choices)}"
    else:
        bounds = [f"from {spec.least:g}"] if spec.least is not None else []
        bounds += [f"to {spec.most:g}"] if spec.most is not None else []
        kind = " ".join([FORMAT_NAMES.get(spec.format, _KINDS[spec.type]), *bounds])
    if spec.many:
        kind += ", several with commas"
    more = f", Enter: {plain(_text(spec.default))}" if spec.has_default else "" if spec.required else ", Enter: none"
    prompt = f"{style(plain(name), 'bold')}{'' if spec.enum else about} ({kind}{more}) > "
    while True:
        typed = reader.line(prompt)
        if not typed and spec.has_default:
            return spec.default
        if not typed and not spec.required:
            return _NOTHING
        try:
            return read_field(
                spec, [_choice(each.strip(), spec) for each in typed.split(",")] if spec.many else _choice(typed, spec)
            )
        except ValueError as error:
            print_message(f"  {plain(str(error))}" if typed else "  a value is needed")


_KINDS: Final[Mapping[str, str]] = {
    "string": "text",
    "int": "whole number",
    "float": "number",
    "bool": "yes or no",
    "json": "JSON",
}


def _choice(typed: str, spec: InputSpec) -> str:
    """Return what is meant by a choice's number, or by yes and no."""
    if spec.type == "bool":
        return {"yes": "true", "y": "true", "no": "false", "n": "false"}.get(typed.lower(), typed)
    texts = [_text(choice) for choice in spec.enum or ()]
    if typed in texts or not typed.isascii() or not typed.isdigit() or not 1 <= int(typed) <= len(texts):
        return typed
    return texts[int(typed) - 1]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def at_a_terminal() -> bool:
    """Return whether a person can be asked here."""
    return hasattr(select, "poll") and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
