"""Steps that only compute, run to their end at once, without an event loop of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from nika_core.engine.core.messages import TaskCall, TaskEnded, TaskWaits
from nika_core.engine.task.attempt import TaskRun
from nika_core.engine.task.deadlines import Deadline, Deadlines
from nika_core.engine.task.services import TaskServices
from nika_core.values import replace


class _NoDeadlines(Deadlines):
    """For what ends before any deadline could come."""

    def now(self) -> float:
        return 0.0

    def add(self, seconds: float, call: Callable[[], None]) -> Deadline:
        return Deadline(call)


def run_in_place(services: TaskServices, call: TaskCall) -> TaskEnded | TaskWaits | None:
    """Return how a step ended; None: it waits for something, and has to be run elsewhere."""
    services = replace(services, deadlines=_NoDeadlines(services.clock))
    work = TaskRun(services, call, lambda _: None).run()
    try:
        work.send(None)
    except StopIteration as end:
        ended: TaskEnded | TaskWaits = end.value
        return ended
    with suppress(RuntimeError):
        work.close()
    return None
