"""A queue of processes: the one that has waited longest goes first, and one that has died holds up nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from nika_core.journal import faults
from nika_core.journal.locks import RunLock, holder

_DIGITS: Final = 12


class QueuePlace:
    """A place in a queue, taken with the first call of `ahead` and held until `leave`.

    Call `ahead` while nobody else does (`Journal.alone`): places are numbered in the order in which they are taken.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._lock: RunLock | None = None
        self._number = 0

    def ahead(self) -> int:
        """Return how many wait that have come before. Raise JournalError."""
        with faults.explained(self._folder, "locked"):
            waiting = list(self._waiting())
            if self._lock is None:
                self._number = max((number for number, _ in waiting), default=0) + 1
                lock = RunLock(self._folder / f"{self._name}-{self._number:0{_DIGITS}}.lock")
                lock.acquire()
                self._lock = lock
            return sum(number < self._number for number, _ in waiting)

    def leave(self) -> None:
        """Leave the queue."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _waiting(self) -> Iterator[tuple[int, Path]]:
        """Yield the places that are held, and remove those of processes that have died."""
        pattern = re.compile(re.escape(self._name) + rf"-(\d{{{_DIGITS}}})\.lock")
        for path in self._folder.iterdir():
            if found := pattern.fullmatch(path.name):
                if holder(path) is not None:
                    yield int(found[1]), path
                else:
                    with suppress(FileNotFoundError):
                        path.unlink()
