"""The states of a run's tasks. Every change is checked against the legal ones, numbered, and told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.engine.wire import NO_DATA, Emit
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.state import LEGAL_TRANSITIONS, Pending, TaskState

PENDING: Final = Pending()


class IllegalTransitionError(Exception):
    """The engine tried what a task's life does not allow: a fault in the engine."""


class Lifecycle:
    """`states` is for reading; it changes through `move` only."""

    __slots__ = ("number", "states")

    def __init__(self, tasks: Iterable[str]) -> None:
        self.states: dict[str, TaskState] = dict.fromkeys(tasks, PENDING)
        self.number = 0

    def move(self, task: str, state: TaskState, kind: EventKind, data: JsonObject = NO_DATA) -> Emit:
        """A transition. Raises IllegalTransitionError."""
        old = self.states[task]
        if type(state) not in LEGAL_TRANSITIONS[type(old)]:
            raise IllegalTransitionError(f"{task}: {type(old).__name__} -> {type(state).__name__}")
        self.states[task] = state
        self.number += 1
        return Emit(self.number, kind, task, data)

    def tell(self, kind: EventKind, task: str | None = None, data: JsonObject = NO_DATA) -> Emit:
        """Something that changes no state."""
        self.number += 1
        return Emit(self.number, kind, task, data)
