"""Inputs from the command line: `-i KEY=VALUE`, `-i KEY=@file`, `--inputs FILE`; `-` is standard input."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nika_core as nika
from nika_core import codes
from nika_core.api.project import read_input_text
from nika_core.cli.stdin import STDIN, read_stdin
from nika_core.errors import UsageError


def gather(pairs: Iterable[str], file: Path | None, option: str = "--inputs") -> dict[str, Any]:
    """Return the inputs, texts not yet typed; `-i` wins over the file. Raise UsageError."""
    given = _from_file(file, option)
    seen: set[str] = set()
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(
                f"-i {pair}: not of the form KEY=VALUE",
                code=codes.BAD_INPUT,
                hint="-i topic=yaml, or -i topic=@topic.txt for a file's text",
            )
        if key in seen:
            raise UsageError(f"-i {key} is given twice", code=codes.BAD_INPUT, hint="give each input once")
        seen.add(key)
        given[key] = _file_text(value, key) if value.startswith("@") else value
    return given


def _from_file(file: Path | None, option: str) -> dict[str, Any]:
    if file is None:
        return {}
    return nika.read_inputs(file, text=read_stdin(option) if file == STDIN else None, option=option)


def _file_text(value: str, key: str) -> str:
    """Return the text of the file in `KEY=@FILE`. Raise UsageError, which says how to give a text with @."""
    if value == "@-":
        return read_stdin(f"-i {key}=@-")
    try:
        if value == "@":
            raise UsageError(f"-i {key}=@: no file is named", code=codes.BAD_INPUT)
        return read_input_text(Path(value[1:]), f"-i {key}=@…")
    except UsageError as error:
        error.hint = f"{f'{error.hint}; ' if error.hint else ''}{_at_hint(value, key)}"
        raise


def _at_hint(value: str, key: str) -> str:
    given = shlex.quote(json.dumps({key: value}, ensure_ascii=False))
    return f"`@` names a file; for a text that begins with @: echo {given} | nika run --inputs -"
