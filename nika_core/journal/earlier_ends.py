"""What a resumed run has told before of the tasks that it reuses, so that its history does not grow by it each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nika_core.model.events import Event, EventKind
from nika_core.model.ids import parent_id

_ENDED: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_REUSED})
_NEVER: Final = object()


class EarlierEnds:
    """How the tasks of a run had ended, by its events.

    Only tasks of the run's own workflow: an item may have another place when the run is resumed.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._data: dict[str, Mapping[str, Any]] = {}
        self._reused: set[str] = set()
        for event in events:
            task = event.task
            if task is None or parent_id(task) is not None:
                continue
            if event.kind is EventKind.TASK_REUSED:
                self._data[task] = {**self._data.get(task, {}), **event.data}
                self._reused.add(task)
            elif event.kind in _ENDED:
                self._data[task] = event.data
                self._reused.discard(task)
            elif event.kind is EventKind.TASK_STARTED:
                self._forget(task)

    def new_in(self, event: Event) -> Event | None:
        """Return an event as history needs it: of a reused task only what differs. None: it says nothing new."""
        task = event.task
        if task not in self._data:
            return event
        if event.kind is EventKind.TASK_READY:
            return None if task in self._reused else event
        if event.kind is not EventKind.TASK_REUSED:
            self._forget(task)
            return event
        known = self._data[task]
        data = {name: value for name, value in event.data.items() if known.get(name, _NEVER) != value}
        return event._replace(data=data) if data or task not in self._reused else None

    def _forget(self, task: str) -> None:
        self._data.pop(task, None)
        self._reused.discard(task)
