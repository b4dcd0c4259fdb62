"""Runs tasks in Tasks of the event loop: one each, but for those that never wait, which follow one another in one.

To make a Task, to leave it and to come back to the host costs more than all else that a task without effects needs.
A step that waits for anything has a Task of its own, and keeps it; what a step sets in its context is not seen by the
next one, nor is a cancellation of the Task while it runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from nika_core.engine.core.messages import Outcome
from nika_core.engine.task.attempt import TaskRun

SLICE: Final = 0.005  # seconds of tasks that never wait, after which everybody else has a turn


class LocalExecutor:
    """Tasks start in the order in which they are added.

    Args:
        ended: is told how a task ended, before anything else goes on.
        go_on: does what follows from all that has happened; called between tasks that do not wait.
        turn: asks the host to come back, with the event loop's other work before it.
    """

    def __init__(
        self, ended: Callable[[TaskRun, Outcome], None], go_on: Callable[[], None], turn: Callable[[], None]
    ) -> None:
        self._ended = ended
        self._go_on = go_on
        self._turn = turn
        self._ready: deque[TaskRun] = deque()
        self._coming = 0  # Tasks that are made and have not begun: nobody overtakes them
        self._until = 0.0

    def add(self, task_run: TaskRun) -> None:
        """Take in a task to be started."""
        self._ready.append(task_run)

    def drop(self, task_run: TaskRun) -> bool:
        """Return whether it had not been started; it never will be."""
        if task_run not in self._ready:
            return False
        self._ready.remove(task_run)
        return True

    def stop(self) -> None:
        """Start nothing any more."""
        self._ready.clear()

    def begin_turn(self) -> None:
        """The host has come back from the event loop."""
        if self._ready:
            self._make_task(self._ready.popleft())  # the others follow, unless it waits
        self._until = asyncio.get_running_loop().time() + SLICE

    def start(self) -> None:
        """Give each that is ready a Task of its own."""
        while self._ready:
            self._make_task(self._ready.popleft())

    def _make_task(self, task_run: TaskRun) -> None:
        self._coming += 1
        task_run.task = asyncio.Task(self._run(task_run))  # not by the loop's factory, which may begin it at once

    async def _run(self, first: TaskRun) -> None:
        self._coming -= 1
        task_run: TaskRun | None = first
        while task_run is not None:
            self._ended(task_run, await task_run.run())
            task_run = self._following(task_run)

    def _following(self, task_run: TaskRun) -> TaskRun | None:
        """Return the next one in the same Task."""
        task = task_run.task
        on_time = not self._coming and asyncio.get_running_loop().time() < self._until
        if on_time and not task_run.waited and task is not None and not task.cancelling():
            self._go_on()
            if self._ready:
                following = self._ready.popleft()
                following.task = task
                return following
        self._turn()
        return None
