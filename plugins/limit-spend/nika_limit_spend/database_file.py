"""The file of the accounts: who owns it decides what may be spent, so not everybody's file is used."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def make_file(path: Path) -> None:
    """Make the file unless it is there, and check that it can be written and whose it is. Raise OSError.

    It belongs to this user or to root, or is shared with a group in a folder that not everybody may write to.
    """
    for each in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        if each.is_symlink():
            raise OSError(errno.ELOOP, "the database is a link", str(each))
    folder = path.parent.stat()
    own = folder.st_mode & 0o070 == 0  # a folder for a group has files for the group
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600 if own else 0o660)
    try:
        file = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(file.st_mode):
        raise OSError(errno.EINVAL, "the database is not a regular file", str(path))
    if os.name != "posix" or file.st_uid in (0, os.geteuid()):
        return
    if not file.st_mode & stat.S_IWGRP:
        raise PermissionError(errno.EPERM, f"it belongs to {_user(file.st_uid)}, and is not shared with a group")
    if (file.st_mode | folder.st_mode) & stat.S_IWOTH:
        raise PermissionError(errno.EPERM, f"it belongs to {_user(file.st_uid)}, and everybody may write to it")


def _user(number: int) -> str:
    try:
        import pwd

        return f"the user '{pwd.getpwuid(number).pw_name}'"
    except (ImportError, KeyError):
        return f"the user {number}"
