"""Large values beside the journal, named by what they hold: `blobs/ab/ab12...`."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

LARGE: Final = 64 * 1024  # bytes of JSON that stay in the journal itself


class Blobs:
    """Every file is whole or not there. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep it, durably; gives its name."""
        name = sha256(content).hexdigest()
        path = self._path(name)
        with contextlib.suppress(OSError):
            if path.stat().st_size == len(content):
                return name
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync(path.parent)
        _sync(self._folder)
        return name

    def get(self, name: str) -> bytes | None:
        """What is kept under `name`; None where it is lost or damaged."""
        try:
            content = self._path(name).read_bytes()
        except OSError:
            return None
        return content if sha256(content).hexdigest() == name else None

    def remove(self, names: Iterable[str]) -> None:
        """Forget them."""
        for name in names:
            path = self._path(name)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in the folder
                path.parent.rmdir()

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot open folders
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
