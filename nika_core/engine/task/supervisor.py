"""What holds a running task: it can be told to stop, and be left behind when it does not."""

from __future__ import annotations

import asyncio
from enum import Enum

from nika_core.engine.task.abandonable import Abandonable
from nika_core.engine.task.deadlines import Deadline, Deadlines


class StopReason(Enum):
    """Who wants it to stop."""

    TIMEOUT = "timeout"  # this attempt has used up its time
    CANCEL = "cancel"  # the run does not want it any more


class TaskSupervisor:
    """One task of the event loop. Stopping is asked for by cancelling it; after a grace period it is `left`.

    A plain task and not a TaskGroup's: a TaskGroup waits for ever for a child that swallows its cancellation.
    """

    # Made for every task, and most of this for few of them: so no slots, which have no defaults.
    _deadline: Deadline | None = None
    _patience: Deadline | None = None
    task: asyncio.Task[None] | None = None
    held: Abandonable | None = None  # what the attempt runs
    why: StopReason | None = None
    reason = ""
    ended = False  # its outcome is known; whatever it still does means nothing

    def __init__(self, deadlines: Deadlines, grace: float) -> None:
        self._deadlines = deadlines
        self._grace = grace

    def left(self) -> None:
        """Called once when it does not stop in its grace period, and nobody will wait for it any longer."""

    def arm(self, seconds: float) -> None:
        """An attempt has this long from now on."""
        self._deadline = self._deadlines.add(seconds, self._expire)

    def disarm(self) -> None:
        """The attempt is over."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def cancel(self, reason: str) -> None:
        """The run does not want it any more."""
        if self.why is not StopReason.CANCEL and not self.ended:
            self._stop(StopReason.CANCEL, reason)

    def leave(self) -> None:
        """Do not wait any longer."""
        self.disarm()
        if not self.ended:
            self.left()
        if self.held is not None:
            self.held.abandon()
        if self.task is not None:
            self.task.cancel()

    def go_on(self) -> None:
        """After an attempt that ran out of time: the task itself goes on."""
        self.why = None
        task = self.task
        while task is not None and task.cancelling():
            task.uncancel()

    def _expire(self) -> None:
        if self.why is None and not self.ended:
            self._stop(StopReason.TIMEOUT, "")

    def _stop(self, why: StopReason, reason: str) -> None:
        self.why = why
        self.reason = reason
        if self.task is not None:
            self.task.cancel()
        if self._patience is None:
            self._patience = self._deadlines.add(self._grace, self.leave)
