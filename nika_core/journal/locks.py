"""Locks of the operating system: they end with the process that holds them, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from weakref import WeakSet

from nika_core.journal.patience import Patience
from nika_core.journal.private import PRIVATE_FILE, PRIVATE_FOLDER

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, *, shared: bool) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(fd: int, *, shared: bool) -> None:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


_HELD: Final = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)  # what the systems say of a lock that is taken
_TRIES: Final = 10  # who only looks whether a run is live holds its lock for a moment
_PAUSE: Final = 0.02  # seconds


def _open(path: Path, flags: int = 0) -> int:
    """Open a lock's file: one of ours, never what a link leads to, since it is emptied and removed. Raise OSError."""
    if path.parent.is_symlink():
        raise OSError(errno.ELOOP, "the folder of the locks is a link", str(path.parent))
    fd = os.open(path, os.O_RDWR | flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), PRIVATE_FILE)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "its lock is not a regular file", str(path))
    return fd


class RunLock:
    """Says that this process works on a run. Held from `acquire` to `release`, or to the process's end.

    A fork does not hold it: one that a plugin has made may go on when this process was killed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        _locks.add(self)

    def acquire(self) -> str | None:
        """Take the lock and return None, or return the process that holds it, if known. Raises OSError."""
        self._path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        for tried in range(_TRIES):
            fd = _open(self._path, os.O_CREAT)
            try:
                _lock(fd, shared=False)
            except OSError:
                owner = os.read(fd, 200).decode("utf-8", "replace")
                os.close(fd)
                if tried < _TRIES - 1:
                    time.sleep(_PAUSE)
                    continue
                return owner
            if self._is_current(fd):
                os.ftruncate(fd, 0)
                os.write(fd, f"process {os.getpid()}".encode())
                self._fd = fd
                return None
            os.close(fd)  # its last holder removed the file meanwhile
        return ""

    def release(self) -> None:
        """Remove the file, then release it: a process that waits for it sees that it is gone and creates a new one."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(fd)

    def forked(self) -> None:
        """Let go of it in a fork; the process that has taken it still holds it."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False


_locks: WeakSet[RunLock] = WeakSet()


def _let_go_of_all() -> None:
    for lock in list(_locks):
        lock.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_of_all)


def holder(path: Path) -> str | None:
    """Return the process that holds the lock ("" if it is unknown), or None if the lock is free."""
    try:
        fd = _open(path)
    except OSError:
        return None
    try:
        _lock(fd, shared=True)
    except OSError:
        return os.read(fd, 200).decode("utf-8", "replace")
    finally:
        os.close(fd)
    return None


@contextlib.contextmanager
def hold_lock(path: Path, patience: Patience, *, shared: bool = False) -> Iterator[None]:
    """Wait for a lock that all processes hold for a moment only. Raises OSError, also if one holds it for long."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    fd = _open(path, os.O_CREAT)
    try:
        _wait(fd, path, patience, shared=shared)
        yield
    finally:
        os.close(fd)


def _wait(fd: int, path: Path, patience: Patience, *, shared: bool) -> None:
    for _ in patience.tries():
        try:
            return _lock(fd, shared=shared)
        except OSError as error:
            if error.errno not in _HELD:
                raise
    raise OSError(errno.EAGAIN, "another process has held it for too long", str(path))
