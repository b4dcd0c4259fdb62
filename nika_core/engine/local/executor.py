"""Runs calls in this process, one asyncio Task each: starts them in order, cancels and, at last, abandons them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from nika_core.engine.core.messages import CoreEvent, TaskCall, TaskEnded, TaskWaits
from nika_core.engine.task.attempt import TaskRun
from nika_core.engine.task.services import TaskServices
from nika_core.model.ids import NodeId


class LocalExecutor:
    """Starts and cancels calls; each reports `TaskEnded` or `TaskWaits` once.

    Args:
        report: tells the core.
    """

    def __init__(self, services: TaskServices, report: Callable[[CoreEvent], None]) -> None:
        self._services = services
        self._report = report
        self._running: dict[NodeId, TaskRun] = {}
        self._abandoned: list[asyncio.Task[None]] = []

    def start(self, call: TaskCall) -> None:
        """Run a call."""
        task_run = self._running[call.node] = TaskRun(self._services, call, self._leave_behind)
        # Not by the loop's factory, which may begin it at once: the core's other commands come first.
        task_run.task = asyncio.Task(self._run(task_run))

    async def _run(self, task_run: TaskRun) -> None:
        self._report_once(task_run, await task_run.run())

    def cancel(self, node: NodeId, epoch: int, reason: str) -> None:
        """Tell a call to end within the grace period; it still reports."""
        task_run = self._running.get(node)
        if task_run is None or task_run.call.epoch != epoch or task_run.task is None:
            return
        task_run.cancel(reason)
        # Cancelled before its first step, it would never say how it ended.
        task_run.task.add_done_callback(
            lambda _: self._report_once(task_run, task_run.ended_with(task_run.cancelled()))
        )

    def abandon_all(self, reason: str) -> None:
        """Wait for nothing that runs any longer."""
        for task_run in tuple(self._running.values()):
            task_run.cancel(reason)
            task_run.abandon()

    def left(self) -> Iterable[asyncio.Task[Any]]:
        """Return the Tasks of the event loop that have not ended, abandoned ones included."""
        running = (task_run.task for task_run in self._running.values() if task_run.task is not None)
        return [*self._abandoned, *running]

    def _leave_behind(self, task_run: TaskRun) -> None:
        node = task_run.call.node
        self._services.reporter.notice(f"`{node}` was told to stop and did not; the run goes on without it", node)
        if task_run.task is not None:
            self._abandoned.append(task_run.task)
        self._report_once(task_run, task_run.ended_with(task_run.abandoned_outcome()))

    def _report_once(self, task_run: TaskRun, event: TaskEnded | TaskWaits) -> None:
        """Report once: the first report counts."""
        if not task_run.ended:
            task_run.ended = True
            del self._running[task_run.call.node]
            self._report(event)
