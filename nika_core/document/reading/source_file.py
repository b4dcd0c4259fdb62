"""A file's bytes as text: its size is known before it is read, and it is UTF-8 or refused."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from nika_core import codes
from nika_core.errors import Place, Problem
from nika_core.model.limits import Limit

_UTF16_OR_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def read_bytes(path: Path, limit: Limit | None) -> bytes | Problem:
    """Return the file's bytes, or why they cannot be read. At most one byte more than the limit is read."""
    place = Place(str(path))

    def unreadable(why: str, hint: str | None = None) -> Problem:
        return Problem(codes.FILE_UNREADABLE, why, place, hint)

    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            return unreadable("this is a directory, not a file", "name the workflow's file in it")
        if not stat.S_ISREG(about.st_mode):
            return unreadable("this is not a regular file", "write the workflow to a file first")
        if limit is not None and about.st_size > limit.value:
            return too_large(path, about.st_size, limit)
        with path.open("rb") as file:
            data = file.read(int(limit.value) + 1 if limit is not None else -1)
    except FileNotFoundError:
        return unreadable("there is no such file", _similar(path))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return unreadable(f"the file cannot be read: {why}")
    if limit is not None and len(data) > limit.value:
        return too_large(path, len(data), limit)
    return data


def too_large(path: Path, size: int, limit: Limit) -> Problem:
    """Return the problem of a file over its limit."""
    return Problem(
        codes.SIZE_LIMIT,
        f"the file has {size} bytes, and {limit.name} allows {int(limit.value)}",
        Place(str(path), 1, 1),
        f"make it smaller, or raise {limit.name}",
    )


def decode(data: bytes, path: str) -> str | Problem:
    """Return the bytes as text without a byte order mark, or why they are not text. Line ends are kept."""
    place = Place(path, 1, 1)
    if data.startswith(_UTF16_OR_32):
        return Problem(codes.FILE_UNREADABLE, "the file is UTF-16 or UTF-32", place, "save it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        before = data[data.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode("utf-8", "replace")) + 1
        return Problem(
            codes.FILE_UNREADABLE,
            f"the file is not UTF-8: byte 0x{data[error.start]:02x} is not valid here",
            Place(path, line, column),
            "save it as UTF-8",
        )
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return Problem(codes.FILE_UNREADABLE, "the file is empty", place, "a workflow has at least `tasks:`")
    return text


def _similar(path: Path) -> str | None:
    """Return a hint with the file beside the missing one that the user may have meant."""
    from nika_core.model.nearest import nearest

    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".yaml", ".yml"))][:1000]
    except (OSError, ValueError):
        return None
    similar = nearest(path.name, names) or next(
        (name for name in (f"{path.name}.nika.yaml", f"{path.name}.yaml") if name in names), None
    )
    return f"did you mean `{path.with_name(similar)}`?" if similar else None
