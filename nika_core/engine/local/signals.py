"""Signals from other processes: they are written to the run's history, and looked for while anything waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from nika_core.engine.core.messages import Awaited, CoreEvent, Signal
from nika_core.engine.task.deadlines import Deadline, Deadlines
from nika_core.model.ids import NodeId

EVERY: Final = 0.5  # seconds between two looks


class SignalPoll:
    """Looks for signals again and again while nodes wait.

    Args:
        signals: returns what has come for nodes, given what each waits for; None: there is no history to look into.
        post: tells the core.
    """

    def __init__(
        self,
        signals: Callable[[Mapping[NodeId, Awaited]], Iterable[Signal]] | None,
        deadlines: Deadlines,
        post: Callable[[CoreEvent], None],
    ) -> None:
        self._signals = signals
        self._deadlines = deadlines
        self._post = post
        self._waiting: dict[NodeId, Awaited] = {}
        self._next: Deadline | None = None

    def already_there(self, node: NodeId, awaited: Awaited) -> Iterable[Signal]:
        """Return what has come for a node that is about to wait: neither a pause nor a deadline is ahead of it."""
        return () if self._signals is None else self._signals({node: awaited})

    def begin(self, node: NodeId, awaited: Awaited) -> None:
        """Look for the signal of a node, too."""
        self._waiting[node] = awaited
        if self._signals is not None and self._next is None:
            self._next = self._deadlines.add(EVERY, self._look)

    def end(self, node: NodeId) -> None:
        """Forget a node that no longer waits."""
        self._waiting.pop(node, None)
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Look no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def look(self) -> None:
        """Look now: something may have come."""
        if self._next is not None:
            self._next.cancel()
            self._look()

    def _look(self) -> None:
        assert self._signals is not None
        self._next = self._deadlines.add(EVERY, self._look)
        for signal in self._signals(self._waiting):
            self._post(signal)
