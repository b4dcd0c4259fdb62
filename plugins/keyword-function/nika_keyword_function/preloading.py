"""The comment by which a Python file asks to be imported once for all calls of a run: `# nika: preload: true`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nika_core.plugin import FileError, open_file

COMMENT: Final = "# nika: preload: true"
_HEAD_BYTES: Final = 4096
_MAX_BYTES: Final = 5 * 1024 * 1024
_OURS: Final = re.compile(rb"#\s*nika\s*:\s*(.*?)\s*")
_PRELOAD: Final = re.compile(rb"preload\s*:\s*(true|false)")


@dataclass(frozen=True, slots=True)
class Preload:
    """A file that is to be preloaded, as it is now."""

    path: str
    changed: int
    size: int


def preload_of(path: Path) -> Preload | None:
    """Return what is to be preloaded for calls of a file; None: nothing."""
    try:
        with open_file(path, _MAX_BYTES) as file:
            if not any(value == "true" for _, value in _comments(file.read(_HEAD_BYTES))):
                return None
            status = os.fstat(file.fileno())
    except FileError:
        return None
    return Preload(str(path), status.st_mtime_ns, status.st_size)


def misspelt(path: Path) -> str | None:
    """Return the first comment at the top of a file that is meant for Nika, but that Nika does not know."""
    try:
        with open_file(path, _MAX_BYTES) as file:
            return next((text for text, value in _comments(file.read(_HEAD_BYTES)) if not value), None)
    except FileError:
        return None


def _comments(head: bytes) -> list[tuple[str, str]]:
    """Return the comments for Nika above the first statement, each with the value of `preload`; empty: not known."""
    found: list[tuple[str, str]] = []
    for line in head.removeprefix(b"\xef\xbb\xbf").splitlines():
        text = line.strip()
        if text and not text.startswith(b"#"):
            break
        ours = _OURS.fullmatch(text)
        if ours is not None:
            known = _PRELOAD.fullmatch(ours[1])
            found.append((text.decode("utf-8", "replace"), known[1].decode() if known is not None else ""))
    return found
