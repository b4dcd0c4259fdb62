"""What a piece of code does to the world, as Python's audit events show it. A hook cannot be removed: this
is for processes that end soon.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_FORBIDDEN: Final = (
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.putenv",
    "os.unsetenv",
    "os.chdir",
    "os.kill",
    "shutil.",
    "sqlite3.connect",
    "signal.pthread_kill",
)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Audit:
    """Collects what is done while it is armed. Reading below `folders` and what Python itself reads does not count."""

    def __init__(self, *folders: Path) -> None:
        python_folders = {*sys.path, *sysconfig.get_paths().values(), sys.prefix, sys.base_prefix}
        self._folders = tuple({os.path.realpath(path) for path in (*map(str, folders), *filter(None, python_folders))})
        self._armed = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Record what is done in this block."""
        self._armed = True
        try:
            yield
        finally:
            self._armed = False

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._armed:
            return
        self._armed = False  # what we do here ourselves does not count
        try:
            what = self._what(event, arguments)
            if what is not None and what not in self.seen:
                self.seen.append(what)
        finally:
            self._armed = True

    def _what(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return None
            name = os.path.realpath(os.fsdecode(path))
            if flags & _WRITES:
                return None if name == os.path.realpath(os.devnull) else f"it writes {name}"
            allowed = any(name == folder or name.startswith(folder + os.sep) for folder in self._folders)
            return None if allowed else f"it reads {name}"
        if event.startswith(_FORBIDDEN):
            shown = ", ".join(repr(argument)[:80] for argument in arguments[:2])
            return f"it does {event}({shown})"
        return None
