"""Signals from other processes: they are written to the run's history, and looked for while anything waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from nika_core.engine.core.messages import CoreEvent, Signal
from nika_core.engine.task.deadlines import Deadline, Deadlines

EVERY: Final = 0.5  # seconds between two looks


class SignalPoll:
    """Looks for signals while nodes wait. One that was delivered before means nothing to the core.

    Args:
        signals: returns those that have come since it was asked last; None: there is no history to look into.
        post: tells the core.
    """

    def __init__(
        self,
        signals: Callable[[], Iterable[Signal]] | None,
        deadlines: Deadlines,
        post: Callable[[CoreEvent], None],
    ) -> None:
        self._signals = signals
        self._deadlines = deadlines
        self._post = post
        self._next: Deadline | None = None

    def begin(self) -> None:
        """Look now, and then again and again."""
        if self._signals is not None and self._next is None:
            self._next = self._deadlines.add(0.0, self._look)

    def end(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self) -> None:
        assert self._signals is not None
        self._next = self._deadlines.add(EVERY, self._look)
        for signal in self._signals():
            self._post(signal)
