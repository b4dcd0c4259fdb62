"""Which processes are alive: each holds a lock of the operating system, which ends with it, however it ends.

Unlike a process's number, it means the same in all containers that share the folder, and is not used again.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from secrets import token_hex
from typing import Final

try:
    import fcntl
except ImportError:  # Windows: nobody counts as dead, and what is reserved stays reserved for its day
    fcntl = None  # type: ignore[assignment]  # a module that is not there

_MODE: Final = 0o660  # less the umask


class Owners:
    """The processes that use one database. `own` is this one's name; its lock is held until `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o770, exist_ok=True)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "the folder of the locks is a link", str(folder))
        self.own = token_hex(12)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(folder / self.own, flags, _MODE)
        if fcntl is not None:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_alive(self, name: str) -> bool:
        """Return whether a process still runs. What cannot be found out counts as alive: nothing is given back then."""
        if name == self.own or fcntl is None or os.sep in name:
            return True
        try:
            fd = os.open(self._folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False

    def forget(self, name: str) -> None:
        """Remove what a dead process has left."""
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()

    def close(self) -> None:
        """Say that this process uses the database no longer."""
        self.forget(self.own)
        os.close(self._fd)
