"""The states of a run's tasks. Every change is checked against the legal ones, numbered, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nika_core.engine.core.messages import Emit, quick
from nika_core.model.events import NO_DATA, EventKind
from nika_core.model.state import LEGAL_TRANSITIONS, Pending, TaskState

PENDING: Final = Pending()


class IllegalTransitionError(Exception):
    """The engine tried what a task's life does not allow: a fault in the engine."""


class Lifecycle:
    """`states` is for reading; it changes through `transition` only."""

    __slots__ = ("number", "states")

    def __init__(self, tasks: Iterable[str]) -> None:
        self.states: dict[str, TaskState] = dict.fromkeys(tasks, PENDING)
        self.number = 0

    def transition(self, task: str, state: TaskState, kind: EventKind, data: Mapping[str, Any] = NO_DATA) -> Emit:
        """A transition. Raises IllegalTransitionError."""
        states = self.states
        if type(state) not in LEGAL_TRANSITIONS[type(states[task])]:
            raise IllegalTransitionError(f"{task}: {type(states[task]).__name__} -> {type(state).__name__}")
        states[task] = state
        number = self.number = self.number + 1
        return quick(Emit, (number, kind, task, data))

    def emit(self, kind: EventKind, task: str | None = None, data: Mapping[str, Any] = NO_DATA) -> Emit:
        """Something that changes no state."""
        self.number += 1
        return Emit(self.number, kind, task, data)
