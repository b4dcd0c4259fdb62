"""Which files are read: so that what a run depends on can be taken along to another machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

_RECORDS: Final[ContextVar[dict[Path, None] | None]] = ContextVar("nika_read_files", default=None)


@contextmanager
def recorded() -> Iterator[dict[Path, None]]:
    """Yield a mapping whose keys are the files that are opened inside, in the order in which they first were."""
    files: dict[Path, None] = {}
    token = _RECORDS.set(files)
    try:
        yield files
    finally:
        _RECORDS.reset(token)


def note(path: Path) -> None:
    """Take note that a file is opened."""
    files = _RECORDS.get()
    if files is not None:
        files[path.absolute()] = None
