"""Files and folders that belong to their user alone, whatever the umask was when they were made."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600


def make_private(mode: int, *paths: Path) -> None:
    """Take away what others may do with files or folders of this user. Another user's are left alone."""
    if os.name != "posix":
        return
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077 and not path.is_symlink():
                path.chmod(mode)


def require_own(*paths: Path) -> None:
    """Raise OSError if a file or a folder is another user's, who could read what is written there. Root's is taken."""
    if os.name != "posix":
        return
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            owner = path.lstat().st_uid
            if owner not in (0, os.geteuid()):
                raise OSError(
                    errno.EPERM, f"{path} belongs to another user ({_user(owner)}); remove it, or make it yours"
                )


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
