"""Large values next to the journal, in files named by their content: `blobs/ab/ab12...`."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from nika_core.journal.private import PRIVATE_FOLDER
from nika_core.model.files import FileError, read_file, size_of

LARGE: Final = 64 * 1024  # bytes of JSON that stay in the journal itself
_MAX_BYTES: Final = 1024**3  # as many as SQLite keeps in one value
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """Every file is whole or not there. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Store it durably and return its name."""
        name = sha256(content).hexdigest()
        path = self._path(name)
        if size_of(path) == len(content) and self._is_ours(name):
            return name
        for each in (self.folder, path.parent):
            if each.is_symlink():
                raise OSError(errno.ELOOP, f"{each} is a link, and none is followed here; remove it")
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
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
        _sync(self.folder)
        return name

    def get(self, name: str) -> bytes | None:
        """Return what is stored under `name`; None if it is lost or damaged."""
        if not self._is_ours(name):
            return None
        try:
            content = read_file(self._path(name), _MAX_BYTES)
        except FileError:
            return None
        return content if sha256(content).hexdigest() == name else None

    def remove(self, names: Iterable[str]) -> None:
        """Forget them."""
        for name in filter(self._is_ours, names):
            path = self._path(name)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in the folder
                path.parent.rmdir()

    def _is_ours(self, name: object) -> bool:
        """Return whether a name from the journal, which anybody may have written, leads to a blob and nowhere else."""
        if not isinstance(name, str) or not _DIGEST.fullmatch(name):
            return False
        path = self._path(name)
        return not any(each.is_symlink() for each in (self.folder, path.parent, path))

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some systems cannot open folders
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
