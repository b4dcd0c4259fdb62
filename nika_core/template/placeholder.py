"""Reading one placeholder, and saying exactly what is wrong with a broken one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from nika_core.model.bounded import shorten
from nika_core.model.json import Json
from nika_core.model.template import MISSING, PipeCall, Placeholder
from nika_core.template.errors import TemplateSyntaxError
from nika_core.template.literals import LiteralError, begins_literal, read_json_literal, read_literal
from nika_core.template.pipe_reader import begins_pipe, read_pipes

BRACES_SOURCE: Final = "task"
# `${` opens a template only where `name.` follows; a shell's own `${HOME}` and `${f%.txt}` are plain text.
SOURCE_NAME: Final = re.compile(r"[A-Za-z_](?:-?[A-Za-z0-9_])*+")
DOLLAR_OPENS: Final = re.compile(rf"\$\{{\s*+{SOURCE_NAME.pattern}\.")

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*+")
_SEGMENT: Final = re.compile(r"[\w-]++")
_SPACE: Final = re.compile(r"\s*+")

_MAX_ALTERNATIVES: Final = 100


def escape_hint(opening: str) -> str:
    """Return a hint how to write `{{` or `${` as plain text."""
    return f"for the characters themselves write \\{opening}"


def read_placeholder(text: str, start: int) -> Placeholder:
    """Return the placeholder that opens at `start`, which is at `{{` or at `${name.`.

    Raises:
        TemplateSyntaxError: it is not a placeholder; with the character at which that shows.
    """
    opening = text[start : start + 2]
    closing = "}}" if opening == "{{" else "}"
    at = _skip_space(text, start + 2)
    name = _NAME.match(text, at)
    if not name or (opening == "{{" and name[0].endswith("-")):
        raise _no_name(text, start, at)
    path, end_of_path = _read_path(text, name, start)
    default: Json | Any = MISSING
    alternatives: list[Placeholder] = []
    at = _skip_space(text, end_of_path)
    while text.startswith("??", at):
        if default is not MISSING:
            raise _after_literal(text, start, at)
        at = _skip_space(text, at + 2)
        if begins_literal(text, at):
            default, at = _read(read_literal, text, at, start, "what follows ??")
        elif len(alternatives) == _MAX_ALTERNATIVES:
            raise TemplateSyntaxError(
                f"'{_shown(text, start)}': more than {_MAX_ALTERNATIVES} references follow ??", at, _of(text, start)
            )
        else:
            alternatives.append(_read_alternative(text, at, start))
            at = end_of_path = alternatives[-1].end
        at = _skip_space(text, at)
    pipes: tuple[PipeCall, ...] = ()
    if begins_pipe(text, at):
        pipes, at = read_pipes(text, at)
        end_of_path = at
    if not text.startswith(closing, at):
        raise _not_closed(text, start, at, end_of_path, closing, default is not MISSING)
    end = at + len(closing)
    source = BRACES_SOURCE if opening == "{{" else path.pop(0)
    return Placeholder(source, tuple(path), default, start, end, text[start:end], tuple(alternatives), False, pipes)


def _read_path(text: str, name: re.Match[str], start: int) -> tuple[list[str], int]:
    """Return a name with the steps after it, and where the last one ends."""
    path: list[str] = [name[0]]
    at = name.end()
    while text.startswith(".", at):
        segment, at = _read_segment(text, at + 1, start)
        path.append(segment)
    return path, at


def _read_alternative(text: str, at: int, start: int) -> Placeholder:
    """Return a reference after `??` in the form of a placeholder of its own."""
    braces = text.startswith("{{", start)
    name = _NAME.match(text, at)
    if not name or (braces and name[0].endswith("-")):
        raise _no_alternative(text, at, start)
    path, end = _read_path(text, name, start)
    written = text[at:end]
    if braces:
        return Placeholder(BRACES_SOURCE, tuple(path), MISSING, at, end, f"{{{{{written}}}}}", chained=True)
    if len(path) == 1 or not SOURCE_NAME.fullmatch(path[0]):
        raise TemplateSyntaxError(
            f"'{_shown(text, start)}': '{shorten(written, 40)}' names no template source",
            at,
            f"in ${{...}} each reference is source.key: ${{... ?? task.{shorten(written, 40)}}}; put text in quotes",
        )
    return Placeholder(path[0], tuple(path[1:]), MISSING, at, end, f"${{{written}}}", chained=True)


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _read_segment(text: str, at: int, start: int) -> tuple[str, int]:
    """Return one step of a path (a name, an index, or any key in double quotes), and where it ends."""
    segment = _SEGMENT.match(text, at)
    if segment:
        return segment[0], segment.end()
    if text.startswith('"', at):
        value, end = _read(read_json_literal, text, at, start, "a quoted key")
        return str(value), end
    shown = text[at : at + 1]
    if not shown or shown.isspace() or shown in "}.":
        raise TemplateSyntaxError(
            f"'{_shown(text, start)}': a name or an index is missing after the '.'",
            min(at, len(text)),
            _of(text, start),
        )
    raise TemplateSyntaxError(
        f"'{_shown(text, start)}': {shown!r} cannot stand in a path",
        at,
        "a step of a path has letters, digits, '_' and '-'; put any other key in quotes: {{task.\"any key\"}}; "
        + _of(text, start),
    )


def _read(read: Callable[[str, int], tuple[Any, int]], text: str, at: int, start: int, what: str) -> tuple[Any, int]:
    try:
        return read(text, at)
    except LiteralError as error:
        raise TemplateSyntaxError(
            f"'{_shown(text, start)}': {what} is not JSON: {error.why}",
            error.at,
            error.hint or 'JSON is "text", 3, 0.5, true, false, null, [..] or {..}; text may be in single quotes',
        ) from None


def _no_alternative(text: str, at: int, start: int) -> TemplateSyntaxError:
    other = "other.text" if text.startswith("{{", start) else "task.other.text"
    hint = f"write another reference, ?? {other}, or a value: ?? 'none', ?? 0, ?? []"
    if at >= len(text) or text[at] in "}?":
        return TemplateSyntaxError(f"'{_shown(text, start)}': a value is missing after ??", min(at, len(text)), hint)
    return TemplateSyntaxError(
        f"'{_shown(text, start)}': {text[at]!r} begins neither a reference nor a value", at, hint
    )


def _after_literal(text: str, start: int, at: int) -> TemplateSyntaxError:
    return TemplateSyntaxError(
        f"'{_shown(text, start)}': nothing can follow a literal, which always has a value",
        at,
        "write the literal last; " + _of(text, start),
    )


def _no_name(text: str, start: int, at: int) -> TemplateSyntaxError:
    if text.startswith("}}", at):
        return TemplateSyntaxError("'{{ }}' names no task", start, "write {{task}}; " + escape_hint("{{"))
    if at >= len(text):
        return TemplateSyntaxError("'{{' is never closed", start, "close it with }}; " + escape_hint("{{"))
    return TemplateSyntaxError(
        f"'{_shown(text, start)}' is not a template: a task's id must follow '{{{{'", start, escape_hint("{{")
    )


def _not_closed(
    text: str, start: int, at: int, end_of_path: int, closing: str, has_default: bool
) -> TemplateSyntaxError:
    shown = _shown(text, start)
    character = text[at : at + 1]
    if not character or (character in "\r\n" and closing not in text[at:]):
        return TemplateSyntaxError(f"'{shown}' is never closed", start, f"close it with {closing}; {_of(text, start)}")
    if has_default:
        hint = f"after the value only {closing} may follow"
    elif character == "[":
        hint = 'an index is a step of the path: {{task.items.0}}; any key at all: {{task."any key"}}'
    elif character in "|(":
        hint = "only the pipes have arguments: {{task | join(', ')}}; for more, use a `function` task"
    elif character == "?":
        hint = 'a default is written ?? "none"'
    elif text[end_of_path : end_of_path + 1] == "}" and closing == "}}":
        hint = "close it with two braces: }}"
    else:
        hint = "a step of a path has letters, digits, '_' and '-'; put any other key in quotes: {{task.\"any key\"}}"
    return TemplateSyntaxError(f"'{shown}': expected {closing} before {character!r}", at, f"{hint}; {_of(text, start)}")


def _of(text: str, start: int) -> str:
    return escape_hint(text[start : start + 2])


def _shown(text: str, start: int) -> str:
    """Return the placeholder for a message, as far as it can be recognized."""
    closing = text.find("}", start)
    line = text.find("\n", start)
    ends = [end for end in (closing + 2 if closing >= 0 else -1, line, len(text)) if end >= 0]
    return shorten(text[start : min(ends)], 60)
