"""Which processes there are: from /proc on Linux, from `ps` elsewhere."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Protocol

from nika_core.toolbox.process.proc import (
    MARK,
    all_pids,
    become_subreaper,
    read_marks,
    read_status,
    read_tag,
    signal_process,
)
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it was when it was looked at. `started` tells two processes of one pid apart."""

    pid: int
    parent: int
    group: int
    session: int
    zombie: bool
    started: int = 0


class Table(Protocol):
    """What the machine says about processes. Processes come and go: every answer may already be out of date."""

    adopts: bool  # whether orphans become children of this process

    def look(self, pid: int) -> Seen | None: ...
    def children(self, pid: int) -> list[int]: ...
    def marks(self, pid: int) -> tuple[str, ...]:
        """Return the marks of one process."""
        ...

    def tag(self, pid: int) -> int:
        """Return the tag of one process, see `guardian`; 0 if it has none."""
        ...

    def signal(self, seen: Seen, number: int) -> None:
        """Signal a process that was seen, if it is still there."""
        ...

    def pids(self) -> list[int]: ...
    def marked(self, belongs: Callable[[str], bool]) -> list[int]:
        """Return all processes of this user with a mark for which `belongs` is true. Slow: milliseconds."""
        ...


class ProcTable:
    """Linux."""

    def __init__(self) -> None:
        self.adopts = become_subreaper()
        self._quick = Path(f"/proc/self/task/{os.getpid()}/children").exists()

    def look(self, pid: int) -> Seen | None:
        status = read_status(pid)
        return None if status is None else Seen(pid, *status)

    def children(self, pid: int) -> list[int]:
        if not self._quick:
            return [one for one in all_pids() if (status := read_status(one)) and status[0] == pid]
        # Orphans are given to the main thread, so of this process only that one is asked.
        try:
            threads = [str(pid)] if pid == os.getpid() else _names(f"/proc/{pid}/task")
        except OSError:
            return []
        pids: list[int] = []
        for thread in threads:
            with contextlib.suppress(OSError):
                pids += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
        return pids

    def marks(self, pid: int) -> tuple[str, ...]:
        return tuple(mark.decode("utf-8", "replace") for mark in read_marks(pid))

    def tag(self, pid: int) -> int:
        return read_tag(pid)

    def signal(self, seen: Seen, number: int) -> None:
        signal_process(seen.pid, seen.started, number)

    def pids(self) -> list[int]:
        return all_pids()

    def marked(self, belongs: Callable[[str], bool]) -> list[int]:
        return [pid for pid in all_pids() if any(map(belongs, self.marks(pid)))]


class PsTable:
    """Everything else that has a POSIX `ps`. Orphans go to init, so they are found by their mark alone."""

    adopts = False

    def look(self, pid: int) -> Seen | None:
        for line in _ps("-o", "pid=,ppid=,pgid=,stat=", "-p", str(pid)):
            fields = line.split()
            if len(fields) >= 4:
                return Seen(pid, int(fields[1]), int(fields[2]), int(fields[2]), fields[3].startswith("Z"))
        return None

    def children(self, pid: int) -> list[int]:
        pairs = (line.split() for line in _ps("-A", "-o", "pid=,ppid="))
        return [int(pair[0]) for pair in pairs if len(pair) == 2 and pair[1] == str(pid)]

    def marks(self, pid: int) -> tuple[str, ...]:
        environment = ["-E", "-ww"] if sys.platform == "darwin" else ["eww"]
        return next((_marks_in(line) for line in _ps(*environment, "-o", "command=", "-p", str(pid))), ())

    def tag(self, pid: int) -> int:
        return 0

    def signal(self, seen: Seen, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(seen.pid, number)

    def pids(self) -> list[int]:
        return []  # nothing but tags is looked for in all of them

    def marked(self, belongs: Callable[[str], bool]) -> list[int]:
        everything = ["-A", "-E", "-ww"] if sys.platform == "darwin" else ["axeww"]
        pids: list[int] = []
        for line in _ps(*everything, "-o", "pid=,command="):
            pid, _, command = line.strip().partition(" ")
            if pid.isdigit() and any(map(belongs, _marks_in(command))):
                pids.append(int(pid))
        return pids


def descendants(process_table: Table, roots: Iterable[int]) -> set[int]:
    """Return children and their children, without the roots."""
    pids: set[int] = set()
    waiting = list(roots)
    while waiting:
        for child in process_table.children(waiting.pop()):
            if child not in pids:
                pids.add(child)
                waiting.append(child)
    return pids


@cache
def process_table() -> Table:
    """Return this machine's table, made on first use: on Linux this process adopts orphans from then on."""
    return ProcTable() if Path("/proc/self/stat").exists() else PsTable()


def _names(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _ps(*arguments: str) -> list[str]:
    try:
        answer = subprocess.run(["ps", *arguments], capture_output=True, timeout=5, check=False)  # noqa: S607 - found on PATH
    except (OSError, subprocess.SubprocessError):
        return []
    return answer.stdout.decode("utf-8", "replace").splitlines()


def _marks_in(command: str) -> tuple[str, ...]:
    """Return the marks at the end of a line of `ps`: the variable is the last of the environment."""
    _, separator, value = command.rpartition(f"{MARK}=")
    return tuple(word for word in value.split() if "/" in word) if separator else ()
