"""The literal at the end of a `??` chain: JSON, or text in single quotes."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from nika_core.model.json import Json, refuse_constant

_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.-])")
_CONSTANT: Final = re.compile(r"(?:true|false|null)(?![\w-])")
_SINGLE_QUOTED: Final = re.compile(r"'((?:[^'\\]|\\.)*+)'", re.DOTALL)
_NOT_TEXT: Final = re.compile(r"""\\(?:["'\\/bfnrt]|u[0-9A-Fa-f]{4})|(\\|[\x00-\x1f])""")
_LINE_BREAK: Final = r"write \n for a line break, and \\n if YAML has the whole value in double quotes"
_TO_JSON: Final = re.compile(r"""\\.|\"""", re.DOTALL)


class LiteralError(Exception):
    """What stands at `at` is not a literal."""

    def __init__(self, why: str, at: int, hint: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.at = at
        self.hint = hint


def begins_literal(text: str, at: int) -> bool:
    """Return whether what stands at `at` can only be a literal: a task cannot be named so."""
    if text[at : at + 1] in ('"', "'", "[", "{", "-"):
        return True
    return bool(_NUMBER.match(text, at) or _CONSTANT.match(text, at))


def read_literal(text: str, at: int) -> tuple[Json, int]:
    """Return the literal at `at`, and where it ends. Raise LiteralError."""
    return _read_single_quoted(text, at) if text.startswith("'", at) else read_json_literal(text, at)


def read_json_literal(text: str, at: int) -> tuple[Any, int]:
    """Return the JSON value at `at`, and where it ends. Raise LiteralError."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Invalid control character"):
            raise LiteralError("a text has no control characters", error.pos, _LINE_BREAK) from None
        raise LiteralError(error.msg[:1].lower() + error.msg[1:], min(error.pos, len(text))) from None
    except RecursionError:
        raise LiteralError("it is nested too deeply", at) from None
    except ValueError as error:  # NaN, or a number with thousands of digits
        raise LiteralError(str(error).partition(";")[0], at) from None


def _read_single_quoted(text: str, at: int) -> tuple[str, int]:
    """Return a text as JSON has it, but in single quotes, where `\\'` is a quote."""
    match = _SINGLE_QUOTED.match(text, at)
    if not match:
        raise LiteralError("the text that begins here is never closed", at, "close it with '")
    for part in _NOT_TEXT.finditer(text, match.start(1), match.end(1)):
        if part[1] is not None:
            if part[1] == "\\":
                escapes = r"write \\ for a backslash, \n for a line break"
                raise LiteralError("this escape means nothing", part.start(), escapes)
            raise LiteralError("a text has no control characters", part.start(), _LINE_BREAK)

    def as_json(part: re.Match[str]) -> str:
        return {"\\'": "'", '"': '\\"'}.get(part[0], part[0])

    value: str = json.loads(f'"{_TO_JSON.sub(as_json, match[1])}"')
    return value, match.end()
