"""The files of a recording: YAML that people review, one file for each request, the same bytes for the same content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import yaml

from nika_core import codes
from nika_core.errors import Place, UsageError
from nika_core.model.files import read_file

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as Loader  # type: ignore[assignment]  # both load the same

_MAX_BYTES: Final = 64 * 1024**2
_WIDTH: Final = 110


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, and everything in full."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip("\n") or text.endswith("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(value: Any) -> str:
    """Return JSON as YAML, keys in their order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def write_yaml(path: Path, value: Any) -> bool:
    """Write a file unless it has that content already; return whether it was written.

    It is whole or not there, and a link in its place is replaced, not followed. Raise OSError or FileError.
    """
    content = as_yaml(value).encode("utf-8", "replace")
    if path.is_file() and read_file(path, _MAX_BYTES) == content:
        return False
    beside = path.with_name(f".{path.name}.{os.getpid()}.{id(value)}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    return True


def read_yaml(path: Path) -> Any:
    """Return the content of a file. Raise UsageError with its place if it is no YAML, FileError if it is not there."""
    try:
        return yaml.load(read_file(path, _MAX_BYTES), Loader=Loader)
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = Place(str(path)) if mark is None else Place(str(path), mark.line + 1, mark.column + 1)
        reason = getattr(error, "problem", None) or str(error)
        raise UsageError(
            f"the recording cannot be read: {reason}", code=codes.BAD_RECORDING, place=place, hint=_HINT
        ) from None


_HINT: Final = "restore the file, or record again: nika run --record DIR, or nika test --update"
