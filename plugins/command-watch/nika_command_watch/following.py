"""Reads the history in a thread of its own, and says in the thread of the terminal what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_core.plugin import Event

PAUSE: Final = 0.3  # seconds between two looks at the history
_TRIES: Final = 5  # looks in vain, one after the other, after which that is told


class Follower(threading.Thread):
    """Follows one run until it is stopped.

    Args:
        tell: called in this thread with what is new: events, and how the run stands.
        lost: called with the reason for which the run cannot be followed (any longer).
        wait: waits for that many seconds, or until the event is set.
    """

    def __init__(
        self,
        followed: nika.FollowedRun,
        tell: Callable[[list[Event], str, bool], None],
        lost: Callable[[str, bool], None],
        wait: Callable[[threading.Event, float], Any] = threading.Event.wait,
    ) -> None:
        super().__init__(name="nika-watch", daemon=True)
        self._followed = followed
        self._tell = tell
        self._lost = lost
        self._wait = wait
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def run(self) -> None:
        """Look again and again."""
        failed = 0
        while not self._stopped.is_set():
            try:
                part = self._followed.poll()
            except nika.JournalError as error:
                failed += 1
                removed = self._followed.is_removed
                if removed or failed >= _TRIES:
                    self._lost(error.message, removed)
                if removed:
                    return
                self._wait(self._stopped, PAUSE * failed)
                continue
            failed = 0
            self._tell(list(part.events), part.status, part.more)
            if not part.more:
                self._wait(self._stopped, PAUSE)


class Lister(threading.Thread):
    """Reads the list of runs again and again until it is stopped."""

    def __init__(self, folder: Path, tell: Callable[[list[nika.RecordedRun], str], None]) -> None:
        super().__init__(name="nika-watch-list", daemon=True)
        self._folder = folder
        self._tell = tell
        self._stopped = threading.Event()
        self.asleep = threading.Event()  # nobody looks at the list

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def run(self) -> None:
        """Look again and again, the more rarely the longer it takes."""
        while not self._stopped.is_set():
            if not self.asleep.is_set():
                try:
                    self._tell(list(nika.runs.list(folder=self._folder)), "")
                except nika.NikaError as error:
                    self._tell([], error.message)
            self._stopped.wait(1.0)
