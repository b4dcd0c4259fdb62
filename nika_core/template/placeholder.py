"""Reading one placeholder, and saying exactly what is wrong with a broken one."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from nika_core.model.bounded import shorten
from nika_core.model.json import Json, refuse_constant
from nika_core.model.template import MISSING, Placeholder
from nika_core.template.errors import TemplateSyntaxError

BRACES_SOURCE: Final = "task"
# `${` opens a template only where `name.` follows; a shell's own `${HOME}` and `${f%.txt}` are plain text.
SOURCE_NAME: Final = re.compile(r"[A-Za-z_](?:-?[A-Za-z0-9_])*+")
DOLLAR_OPENS: Final = re.compile(rf"\$\{{\s*+{SOURCE_NAME.pattern}\.")

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*+")
_SEGMENT: Final = re.compile(r"[\w-]++")
_SPACE: Final = re.compile(r"\s*+")

_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)


def escape_hint(opening: str) -> str:
    """Return a hint how to write `{{` or `${` as plain text."""
    return f"for the characters themselves write \\{opening}"


def read_placeholder(text: str, start: int) -> Placeholder:
    """Return the placeholder that opens at `start`, which is at `{{` or at `${name.`.

    Raises:
        TemplateSyntaxError: at the character that makes it none.
    """
    opening = text[start : start + 2]
    closing = "}}" if opening == "{{" else "}"
    at = _skip_space(text, start + 2)
    name = _NAME.match(text, at)
    if not name or (opening == "{{" and name[0].endswith("-")):
        raise _no_name(text, start, at)
    path: list[str] = [name[0]]
    at = name.end()
    while text.startswith(".", at):
        segment, at = _read_segment(text, at + 1, start)
        path.append(segment)
    end_of_path = at
    at = _skip_space(text, at)
    default: Json | Any = MISSING
    if text.startswith("??", at):
        default, at = _read_default(text, _skip_space(text, at + 2), start)
        at = _skip_space(text, at)
    if not text.startswith(closing, at):
        raise _not_closed(text, start, at, end_of_path, closing, default is not MISSING)
    end = at + len(closing)
    source = BRACES_SOURCE if opening == "{{" else path.pop(0)
    return Placeholder(source, tuple(path), default, start, end, text[start:end])


def _skip_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _read_segment(text: str, at: int, start: int) -> tuple[str, int]:
    """Return one step of a path (a name, an index, or any key in double quotes), and where it ends."""
    segment = _SEGMENT.match(text, at)
    if segment:
        return segment[0], segment.end()
    if text.startswith('"', at):
        value, end = _decode(text, at, start, "a quoted key")
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


def _read_default(text: str, at: int, start: int) -> tuple[Json, int]:
    if text.startswith("'", at):
        raise TemplateSyntaxError(
            f"'{_shown(text, start)}': what follows ?? is not JSON",
            at,
            'JSON has its text in double quotes: ?? "none" (in YAML, put single quotes around the whole value)',
        )
    if at >= len(text) or text[at] == "}":
        raise TemplateSyntaxError(
            f"'{_shown(text, start)}': a value is missing after ??", at, 'write JSON after it: ?? "none", ?? 0, ?? []'
        )
    return _decode(text, at, start, "what follows ??")


def _decode(text: str, at: int, start: int, what: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        where, why = error.pos, error.msg[:1].lower() + error.msg[1:]
    except RecursionError:
        where, why = at, "it is nested too deeply"
    except ValueError as error:  # NaN, or a number with thousands of digits
        where, why = at, str(error).partition(";")[0]
    raise TemplateSyntaxError(
        f"'{_shown(text, start)}': {what} is not JSON: {why}",
        min(where, len(text)),
        'JSON is "text", 3, 0.5, true, false, null, [..] or {..}',
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
        hint = "a template has no filters and no functions; compute the value in a task of its own"
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
