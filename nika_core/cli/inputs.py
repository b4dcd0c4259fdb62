"""Inputs from the command line: `-i KEY=VALUE`, `-i KEY=@file`, `--inputs FILE`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.errors import UsageError


def read_text(path: Path, what: str) -> str:
    """A file's text. Raises UsageError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{what}: {path} is not UTF-8", code=codes.BAD_INPUT) from None
    except OSError as error:
        raise UsageError(f"{what}: cannot read {path}: {error.strerror}", code=codes.BAD_INPUT) from None


def gather(pairs: Iterable[str], file: Path | None) -> dict[str, Any]:
    """What was given, texts not yet typed; `-i` wins over the file. Raises UsageError."""
    given: dict[str, Any] = {} if file is None else _file(file)
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
        given[key] = read_text(Path(value[1:]), f"-i {key}=@…") if value.startswith("@") else value
    return given


def _file(path: Path) -> dict[str, Any]:
    text = read_text(path, "--inputs")
    if path.suffix.lower() == ".json":
        try:
            found = json.loads(text)
        except ValueError as error:
            raise UsageError(f"--inputs: {path} is not JSON: {error}", code=codes.BAD_INPUT) from None
    else:
        from nika_core.document.reading.inputs_file import load_inputs

        found = load_inputs(text, str(path))
    if not isinstance(found, dict):
        raise UsageError(f"--inputs: {path} has no keys and values", code=codes.BAD_INPUT)
    return found
