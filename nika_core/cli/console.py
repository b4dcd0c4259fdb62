"""Printing: data to stdout, everything else to stderr, and never a control code from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final, TextIO

from nika_core import codes
from nika_core.cli.cells import wrap
from nika_core.errors import NikaError, Problem, ProblemsError, Severity
from nika_core.model.large_values import LargeValue
from nika_core.model.masking import Masker, secret_values
from nika_core.model.text import escape_unsafe


class OutputError(NikaError):
    """The output cannot be written."""

    def __init__(self, message: str) -> None:
        super().__init__(codes.EXECUTION_FAILED, message, hint="free some space, or write it elsewhere")


_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def plain(text: str) -> str:
    """Return text of models, tools and files made safe for a terminal: control characters are shown, not obeyed."""
    return escape_unsafe(text.replace("\r\n", "\n"), short=True)


INDENT: Final = 4  # columns by which the rest of a wrapped line is indented
_LINES: Final = 1000  # that are written at once
_PIECE: Final = 256 * 1024  # characters that are written at once
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_COLOUR: Final = re.compile(r"(\x1b\[[0-9;]*m)")
_colours = True


def allow_colours(wanted: bool) -> None:
    """Set whether messages may have colours from now on: not beside data for machines."""
    global _colours
    _colours = wanted


def coloured(stream: TextIO) -> bool:
    """Return whether this stream shows colours: a terminal, or a log if FORCE_COLOR says so, as in CI."""
    if not _colours or os.environ.get("NO_COLOR"):
        return False
    return os.environ.get("FORCE_COLOR", "0") not in ("", "0") or _is_terminal(stream)


def is_live(stream: TextIO) -> bool:
    """Return whether this stream shows a live view, be it without colours."""
    return _is_terminal(stream)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def style(text: str, *names: str, stream: TextIO | None = None) -> str:
    """Return `text` in a colour if the stream (by default stderr) shows colours."""
    if not names or not coloured(stream or sys.stderr):
        return text
    return paint(text, *names)


def paint(text: str, *names: str) -> str:
    """Return `text` in a colour, for a stream that is known to show colours."""
    return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal that is not UTF-8
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


_data: TextIO | None = None


def data_stream() -> TextIO:
    """Return the stream for data."""
    return sys.stdout if _data is None else _data


def style_data(text: str, *names: str) -> str:
    """Return `text` in a colour for `print_data`, if stdout shows colours."""
    return style(text, *names, stream=data_stream())


@contextmanager
def stdout_for_data() -> Iterator[None]:
    """Send to stderr what plugins, libraries and their processes print; only `print_data` reaches stdout."""
    global _data
    if _data is not None:
        yield
        return
    real = sys.stdout
    try:
        real.flush()
        kept = os.dup(1) if real.fileno() == 1 else -1
    except (OSError, ValueError, AttributeError):  # a test's stream, or none
        kept = -1
    if kept < 0:
        _data, sys.stdout = real, sys.stderr
    else:
        os.dup2(2, 1)
        _data = os.fdopen(kept, "w", encoding=real.encoding, errors=real.errors)
        sys.stdout = sys.stderr
    try:
        yield
    finally:
        stream, _data, sys.stdout = _data, None, real
        with suppress(OSError, ValueError):  # what was written to sys.__stdout__
            real.flush()
        if kept >= 0:
            with suppress(OSError):  # its reader is gone
                stream.flush()
            os.dup2(kept, 1)
            with suppress(OSError):
                stream.close()


def open_closed_streams() -> None:
    """Give a process that was started with closed standard streams (`>&-`) ones that lead nowhere.

    Else the next file that is opened, a journal say, would be stdout.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) == number and getattr(sys, name) is None:
                setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def print_data(text: str) -> None:
    """Print a line of data to stdout. Raise OutputError if it cannot be written, e.g. to a full disk."""
    with _told_as_output_error():
        _write(data_stream(), text + "\n")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of data to stdout, many at once. Raise OutputError as `print_data` does."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == _LINES:
            print_data("\n".join(held))
            held = []
    if held:
        print_data("\n".join(held))


@contextmanager
def _told_as_output_error() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written to stdout: {error.strerror or error}") from error


_masker: Masker | None = None  # it may get to know more secrets


def mask_with(masker: Masker) -> None:
    """Set what is masked in messages from now on."""
    global _masker
    _masker = masker


def mask_project_secrets() -> None:
    """Also mask the variables that the project file calls secrets, for messages of commands that have not read it.

    A project file that cannot be read has none.
    """
    import nika_core as nika

    with suppress(Exception):
        workspace = nika.Workspace.open()
        if _masker is not None:
            _masker.add(secret_values(workspace.environ, workspace.project.secrets))


def masked(text: str) -> str:
    """Return `text` without secrets: a run masks its own, but messages come before it begins."""
    return text if _masker is None else _masker.text(text)


def print_message(text: str, *, wrapped: bool = False) -> None:
    """Print a line for people to stderr, as `message_text` makes it; if it cannot be written, the work continues.

    Args:
        wrapped: break a line that is wider than the terminal at spaces; not for what may be copied, such as commands.
    """
    text = message_text(text)
    with suppress(OSError):
        _write(sys.stderr, (wrap_message(text) if wrapped else text) + "\n")


def wrap_message(text: str, stream: TextIO | None = None) -> str:
    """Return a message with lines that are wider than a terminal broken at spaces, and indented, as `message_text`."""
    stream = stream or sys.stderr
    if not _is_terminal(stream):
        return text
    return wrap(text, terminal_size(stream)[0], INDENT)


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Return a terminal's columns and rows, as they are now."""
    try:
        width, height = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):  # it is gone, or a test's
        width = height = 0
    if width <= 0 or height <= 0:
        width, height = shutil.get_terminal_size((80, 24))
    return width, height


def message_text(text: str, stream: TextIO | None = None) -> str:
    """Return a message for a stream (by default stderr) without secrets and control codes.

    The colours of `style` are kept; whatever else a terminal would act upon, such as the name of a file, is shown.
    """
    text = masked(text)
    if "\x1b" not in text:
        return plain(text)
    parts = _COLOUR.split(text) if coloured(stream or sys.stderr) else [text]
    return "".join(part if at % 2 else plain(part) for at, part in enumerate(parts))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as JSON, with every character escaped that a terminal would act upon."""
    return escape_unsafe(json.dumps(value, indent=indent, ensure_ascii=False, default=_default))


def _default(value: Any) -> Any:
    return value.get() if isinstance(value, LargeValue) else str(value)


def print_json(value: Any, *, indent: int | None = 2, inside: int = 0) -> None:
    """Print one JSON document to stdout; without `indent` in one line.

    JSON between programs is UTF-8, as RFC 8259 says. To a stream that is not, it is written in ASCII, with escapes.

    Args:
        inside: down to which level a line is written part by part, each of which has to fit into memory.
    """
    write = _write if _is_utf8(data_stream()) else _write_json_ascii
    with _told_as_output_error():
        for piece in _json_pieces(value, indent, inside):
            write(data_stream(), piece)


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("_", "-") in ("utf-8", "utf8")


def _json_pieces(value: Any, indent: int | None, inside: int) -> Iterator[str]:
    """Yield a line of `json_text` in pieces: the outputs of a run may be far larger together than what is free."""
    held: list[str] = []
    size = 0
    encoder = json.JSONEncoder(indent=indent, ensure_ascii=False, default=_default)
    for token in encoder.iterencode(value) if indent is not None else _line_tokens(value, encoder, inside):
        held.append(token)
        size += len(token)
        if size > _PIECE:
            yield escape_unsafe("".join(held))
            held, size = [], 0
    yield escape_unsafe("".join(held)) + "\n"


def _line_tokens(value: Any, encoder: json.JSONEncoder, inside: int) -> Iterator[str]:
    """Yield the parts of one line of JSON, those deeper inside as one: C encodes them."""
    if not (inside and value and isinstance(value, dict | list)):
        yield encoder.encode(value)
        return
    named = isinstance(value, dict)
    yield "{" if named else "["
    for at, each in enumerate(value):
        comma = ", " if at else ""
        yield f"{comma}{encoder.encode(each)}: " if named else comma
        yield from _line_tokens(value[each] if named else each, encoder, inside - 1)
    yield "}" if named else "]"


def _write_json_ascii(stream: TextIO, text: str) -> None:
    text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    buffer: BinaryIO | None = getattr(stream, "buffer", None)
    if buffer is None:  # a program's own
        _write(stream, text)
    else:
        stream.flush()
        buffer.write(text.encode("ascii"))
        buffer.flush()


def print_error(error: NikaError) -> None:
    """Print an error, or each of its problems if it has several."""
    for problem in error.problems if isinstance(error, ProblemsError) else (error.problem(),):
        print_problem_line(problem)


def print_problem_line(problem: Problem) -> None:
    """Print `error[CODE]: message` with its place, and the fix below it."""
    where = f"{plain(str(problem.place))}: " if problem.place and problem.place.path else ""
    colour = "red" if problem.severity is Severity.ERROR else "yellow"
    severity = style(problem.severity.value, "bold", colour)
    print_message(f"{where}{severity}[{problem.code}]: {plain(problem.message)}", wrapped=True)
    if problem.hint:
        print_message(f"  {style('hint', 'cyan')}: {plain(problem.hint)}", wrapped=True)


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as text, each column as wide as its longest cell."""
    lines = [[plain(str(cell)).replace("\n", "\\n") for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
