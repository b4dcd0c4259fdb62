"""How long lists, loops and inner workflows take: the core has no clock, so the host measures it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.engine.core.messages import Command, Emit
from nika_core.model.clock import Clock
from nika_core.model.events import EventKind
from nika_core.model.state import RunResult, TaskResult
from nika_core.values import replace

_ENDS: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED})


class GroupDurations:
    """Measures each group from the event of its last start to the event of its end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: dict[str, float] = {}
        self._durations: dict[str, float] = {}

    def in_commands(self, commands: Iterable[Command]) -> list[Command]:
        """Return the commands, with a duration in each event of a group's end."""
        return [self._measured(command) if type(command) is Emit else command for command in commands]

    def _measured(self, emit: Emit) -> Emit:
        task = emit.task
        if task is None:
            return emit
        if emit.kind == EventKind.TASK_STARTED and "group" in emit.data:
            self._starts[task] = self._clock.monotonic()
        elif emit.kind in _ENDS and (start := self._starts.pop(task, None)) is not None:
            duration = self._durations[task] = self._clock.monotonic() - start
            return emit._replace(data={**emit.data, "durationMs": round(duration * 1000, 3)})
        return emit

    def in_result(self, result: RunResult) -> RunResult:
        """Return a run's result, with a duration in the result of each group that has ended."""
        if not self._durations:
            return result
        return replace(result, tasks=tuple(map(self._of_task, result.tasks)))

    def _of_task(self, task: TaskResult) -> TaskResult:
        if not task.children_kind:
            return task
        duration = self._durations.get(task.id, task.duration)
        return task._replace(duration=duration, children=tuple(map(self._of_task, task.children)))
