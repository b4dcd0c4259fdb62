"""Supervises a running task: it can be told to stop, and is abandoned if it does not."""

from __future__ import annotations

import asyncio
from enum import Enum

from nika_core.engine.task.abandonable import Abandonable
from nika_core.engine.task.deadlines import Deadline, Deadlines


class StopReason(Enum):
    """Why it is to stop."""

    TIMEOUT = "timeout"  # this attempt has used up its time
    IDLE = "idle"  # its step has given no sign of life for too long
    CANCEL = "cancel"  # the run does not want it any more

    @property
    def is_timeout(self) -> bool:
        """Whether the attempt failed for want of time, and another one may follow."""
        return self is not StopReason.CANCEL


class TaskSupervisor:
    """One task of the event loop. It is stopped by cancelling it, and `abandoned` after a grace period.

    A plain task and not a TaskGroup's: a TaskGroup waits for ever for a child that swallows its cancellation.
    """

    # Made for every task, and most of this for few of them: so no slots, which have no defaults.
    _deadline: Deadline | None = None
    _grace_deadline: Deadline | None = None
    _idle_deadline: Deadline | None = None
    _idle = 0.0  # seconds
    _last_sign = 0.0
    task: asyncio.Task[None] | None = None
    abandonable: Abandonable | None = None  # what the attempt runs
    stop_reason: StopReason | None = None
    reason = ""
    ended = False  # its outcome is known; whatever it still does means nothing

    def __init__(self, deadlines: Deadlines, grace: float) -> None:
        self._deadlines = deadlines
        self._grace = grace

    def abandoned(self) -> None:
        """Go on without it; called once if it does not stop within its grace period and is no longer waited for."""

    def arm(self, seconds: float, idle: float | None = None) -> None:
        """Give an attempt this long from now on, and `idle` seconds from each sign of life."""
        self._deadline = self._deadlines.add(seconds, self._expire)
        if idle is not None:
            self._idle = idle
            self.heartbeat()
            self._idle_deadline = self._deadlines.add(idle, self._check_idle)

    def heartbeat(self) -> None:
        """Take a sign of life from the step."""
        self._last_sign = self._deadlines.now()

    def disarm(self) -> None:
        """Stop measuring the time of the attempt: it is over."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._idle_deadline is not None:
            self._idle_deadline.cancel()
            self._idle_deadline = None
        if self._grace_deadline is not None:
            self._grace_deadline.cancel()
            self._grace_deadline = None

    def cancel(self, reason: str) -> None:
        """Stop it because the run no longer wants it."""
        if self.stop_reason is not StopReason.CANCEL and not self.ended:
            self._stop(StopReason.CANCEL, reason)

    def abandon(self) -> None:
        """Wait for it no longer."""
        self.disarm()
        if not self.ended:
            self.abandoned()
        if self.abandonable is not None:
            self.abandonable.abandon()
        if self.task is not None:
            self.task.cancel()

    def clear_cancellation(self) -> None:
        """Let the task go on after an attempt that ran out of time."""
        self.stop_reason = None
        task = self.task
        while task is not None and task.cancelling():
            task.uncancel()

    def _expire(self) -> None:
        if self.stop_reason is None and not self.ended:
            self._stop(StopReason.TIMEOUT, "")

    def _check_idle(self) -> None:
        left = self._last_sign + self._idle - self._deadlines.now()
        if left > 0:
            self._idle_deadline = self._deadlines.add(left, self._check_idle)
        elif self.stop_reason is None and not self.ended:
            self._stop(StopReason.IDLE, "")

    def _stop(self, stop_reason: StopReason, reason: str) -> None:
        self.stop_reason = stop_reason
        self.reason = reason
        if self.task is not None:
            self.task.cancel()
        if self._grace_deadline is None:
            self._grace_deadline = self._deadlines.add(self._grace, self.abandon)
