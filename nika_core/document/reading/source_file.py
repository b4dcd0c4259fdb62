"""A workflow's or a project's file as text, or the problem of why it cannot be read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.errors import Place, Problem
from nika_core.model import files
from nika_core.model.limits import Limit
from nika_core.model.project import FILE_NAME

_WORKFLOW: Final = ".nika.yaml"
_TESTS: Final = ".test."
_NAMED: Final = 5  # workflows that a hint names
_ABOVE: Final = ("..", "../..", "../../..")


def read_bytes(path: Path, limit: Limit | None) -> bytes | Problem:
    """Return the file's bytes, or why they cannot be read. At most one byte more than the limit is read."""
    try:
        return files.read_file(path, files.MAX_BYTES if limit is None else int(limit.value))
    except files.FileError as error:
        if limit is not None and error.size is not None:
            return too_large(path, error.size, limit)
        if error.missing:
            hint = similar_file(path) or _file_above(path) or _workflows_beside(path)
            return Problem(error.code, "there is no such file", error.place, hint)
        return error.problem()


def too_large(path: Path, size: int, limit: Limit) -> Problem:
    """Return the problem of a file over its limit."""
    return Problem(
        codes.SIZE_LIMIT,
        f"the file has {size} bytes, and {limit.name} allows {int(limit.value)}",
        Place(str(path), 1, 1),
        f"make it smaller, or raise {limit.name}",
    )


def decode_source(data: bytes, path: str) -> str | Problem:
    """Return the bytes as text without a byte order mark, or why they are not text. Line ends are kept."""
    try:
        return files.text_of(data, Path(path))
    except files.FileError as error:
        return error.problem()


def similar_file(path: Path) -> str | None:
    """Return a hint with the file beside the missing one that the user may have meant."""
    from nika_core.model.nearest import nearest

    names = {name.removesuffix(_WORKFLOW): name for name in _beside(path)}
    stem = path.name.removesuffix(_WORKFLOW)
    similar = nearest(stem, names) or next((name for name in (stem, f"{stem}.yaml") if name in names), None)
    return f"did you mean `{path.with_name(names[similar])}`?" if similar else None


def _file_above(path: Path) -> str | None:
    """Return a hint with the file of this name in a folder above."""
    with suppress(OSError, ValueError):  # a name that no file can have
        above = next((up for up in _ABOVE if (path.parent / up / path.name).is_file()), None)
        return f"did you mean `{path.parent / above / path.name}`?" if above else None
    return None


def _workflows_beside(path: Path) -> str | None:
    """Return a hint with the workflows that are where one is missing, if they are few."""
    found = [f"`{path.with_name(name)}`" for name in _beside(path) if name.endswith(_WORKFLOW)]
    return f"there is {', '.join(found)}" if 0 < len(found) <= _NAMED else None


def _beside(path: Path) -> list[str]:
    """Return what may be meant instead of a missing file: not the project file, and tests only for tests."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".yaml", ".yml"))][:1000]
    except (OSError, ValueError):
        return []
    tests = _TESTS in path.name
    return sorted(name for name in names if name != FILE_NAME and (_TESTS in name) == tests)
