"""Problems as text: a frame with the source line and a caret, one line each, or JSON."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from nika_core.document.reading.workflow_loader import LoadedWorkflow
from nika_core.document.yaml.source_map import SourceMap
from nika_core.errors import Place, Problem, Severity
from nika_core.model.text import visible

_BREAK: Final = re.compile(r"\r\n?|\n")
_TAB: Final = 4
_MAX_WIDTH: Final = 100  # columns of a source line that are shown around the caret


class Style(Protocol):
    """Colours a text by names of styles such as `red` and `bold`, or returns it unchanged."""

    def __call__(self, text: str, *names: str) -> str: ...


Wrap: TypeAlias = Callable[[str], str]  # breaks a long line into several


def unwrapped(text: str) -> str:
    """Return `text` as it is."""
    return text


def unstyled(text: str, *_: str) -> str:
    """Return `text` without any colour."""
    return text


def render_pretty(problem: Problem, text: str = "", *, style: Style = unstyled, wrap: Wrap = unwrapped) -> str:
    """Return a frame: what is wrong, where, the source line with a caret under the exact column, and the fix.

    Args:
        text: of the file that the problem is in; without it there is no source line.
        wrap: what the lines of the message and of the fix are given to.
    """
    colour = "red" if problem.severity is Severity.ERROR else "yellow"
    head = style(f"{problem.severity.value}[{problem.code}]", colour, "bold")
    lines = [wrap(f"{head}: {_message(problem.message)}")]
    place = problem.place
    gutter = " " * len(str(place.line)) if place and place.line else ""
    if place is not None and place.path:
        lines.append(f"{gutter}{style('-->', 'blue')} {visible(str(place))}")
    if place is not None and place.line and text:
        shown, before, width = _window(text, place)
        bar = style("|", "blue")
        lines.append(f"{gutter} {bar}")
        lines.append(f"{style(str(place.line), 'blue')} {bar} {shown}".rstrip())
        lines.append(f"{gutter} {bar} {' ' * before}{style('^' * width, colour, 'bold')}")
    if problem.hint:
        lines.append(wrap(f"{gutter} {style('=', 'blue')} {style('help', 'bold')}: {_message(problem.hint)}"))
    return "\n".join(lines)


def render_compact(problem: Problem) -> str:
    """Return one line: `path:line:column: error NIKA-nnn: message (hint)`."""
    place = f"{visible(str(problem.place))}: " if problem.place else ""
    hint = f" ({visible(problem.hint)})" if problem.hint else ""
    return f"{place}{problem.severity.value} {problem.code}: {visible(problem.message)}{hint}"


def problem_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as `validate --format json` prints it, without the keys that have no value."""
    place = problem.place
    fields = {
        "code": problem.code,
        "severity": problem.severity.value,
        "message": problem.message,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "hint": problem.hint,
    }
    return {key: value for key, value in fields.items() if value is not None}


def file_json(path: Path, loaded: LoadedWorkflow) -> dict[str, Any]:
    """Return one file of `validate --format json`."""
    return {
        "path": str(path),
        "valid": not any(problem.severity is Severity.ERROR for problem in loaded.problems),
        "tasks": loaded.tasks,
        "flows": loaded.flows,
        "problems": [_with_file(problem, path) for problem in loaded.problems],
    }


def _with_file(problem: Problem, path: Path) -> dict[str, Any]:
    """Return a problem as JSON, with the path of its file if it is another one."""
    place = problem.place
    other = place is not None and place.path and Path(place.path) != path
    return problem_json(problem) | ({"path": place.path} if place is not None and other else {})


def _message(text: str) -> str:
    """Return a message with its further lines indented under the first."""
    return "\n    ".join(visible(line) for line in _BREAK.split(text))


@lru_cache(maxsize=1)
def _source_map(text: str) -> SourceMap:
    return SourceMap(text, "")


def _window(text: str, place: Place) -> tuple[str, int, int]:
    """Return the line as it is shown, cut around the caret; the columns before the caret; and the columns under it.

    However long the file and the line are, only what is shown is looked at.
    """
    start, stop = _source_map(text).line(place.line or 1)
    caret = min(start + (place.column or 1) - 1, stop)
    end = min(max(start + (place.end_column or 0) - 1, caret + 1), stop)
    first = max(start, caret - _MAX_WIDTH // 2)
    last = min(stop, first + _MAX_WIDTH)
    before = _expand(text[first:caret])
    marked = _expand(text[caret : min(end, last)], _width(before))
    after = _expand(text[min(end, last) : last], _width(before) + _width(marked)) if end < last else ""
    head = "…" if first > start else ""
    tail = "…" if last < stop else ""
    return f"{head}{before}{marked}{after}{tail}", _width(head + before), max(1, _width(marked))


def _expand(text: str, column: int = 0) -> str:
    """Return `text` with tabs as spaces up to the next stop and control characters made visible."""
    pieces: list[str] = []
    for character in text:
        shown = " " * (_TAB - column % _TAB) if character == "\t" else visible(character)
        pieces.append(shown)
        column += _width(shown)
    return "".join(pieces)


def _width(text: str) -> int:
    """Return how many columns `text` takes in a terminal."""
    if text.isascii():
        return len(text)
    wide = 0
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        wide += 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
    return wide
