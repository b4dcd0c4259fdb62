"""Files and folders that belong to their user alone, whatever the umask was when they were made."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600


def make_private(path: Path, mode: int) -> None:
    """Take away what others may do with a file or folder of this user. Another user's is left alone."""
    if os.name != "posix":
        return
    with contextlib.suppress(FileNotFoundError):
        found = path.lstat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o077 and not path.is_symlink():
            path.chmod(mode)
