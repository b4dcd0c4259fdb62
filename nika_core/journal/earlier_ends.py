"""What a resumed run has told before of what it reuses, so that its history does not grow by it each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from nika_core.journal.encoding import LOST, OUTPUT, START
from nika_core.model.events import Event, EventKind
from nika_core.model.ids import parent_id

_ENDED: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_REUSED})
_LEARNT: Final = _ENDED | {EventKind.TASK_STARTED, EventKind.TASK_SKIPPED}
_SAME_OUTPUT: Final = "sameOutput"  # as the task's last end: history has it there
_OUTPUTS: Final = (OUTPUT, START, LOST)
_IDENTITY: Final = "identity"
_NEVER: Final = object()
_NOTHING: Final[Mapping[str, Any]] = {}


class EarlierEnds:
    """How the tasks of a run, and the items of its lists, had ended, by its events.

    Nothing else inside a task: an item is the same as before if its list is, a round or an inner task need not be.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._data: dict[str, Mapping[str, Any]] = {}  # of the last end
        self._reused: set[str] = set()  # and whether it said that there was nothing to do
        self._identities: dict[str, Any] = {}  # of items
        self._lists: dict[str, str] = {}  # their hashes
        self._outputs: dict[str, Any] = {}  # of lists
        for event in events:
            self._learn(event)
        self._same: set[str] = set()  # lists that have begun again as they were

    def _learn(self, event: Event) -> None:
        task, kind, data = event.task, event.kind, event.data
        if task is None or kind not in _LEARNT or not _is_covered(task):
            return
        if kind is EventKind.TASK_STARTED:
            self._forget(task)
            self._identities[task] = data.get(_IDENTITY)
            if data.get("group") == "each":
                self._begin(task, data.get("payload", ""))
        elif kind is EventKind.TASK_REUSED:
            known = self._data.get(task, _NOTHING) if self._identities.get(task) == data.get(_IDENTITY) else _NOTHING
            self._data[task] = {**known, **data}
            self._identities[task] = data.get(_IDENTITY)
            self._reused.add(task)
        elif kind in _ENDED:
            self._data[task] = data
            self._reused.discard(task)
            if task in self._lists:
                self._outputs[task] = data.get(OUTPUT, _NEVER)
            if data.get("reused"):
                self._identities[task] = data.get(_IDENTITY)
                self._reused.add(task)
        elif kind is EventKind.TASK_SKIPPED:
            self._data[task] = data

    def new_in(self, event: Event) -> Event | None:
        """Return an event as history needs it: of what is reused only what differs. None: it says nothing new."""
        task, kind, data = event.task, event.kind, event.data
        if task is None:
            return event
        if kind is EventKind.TASK_STARTED and data.get("group") == "each":
            self._forget(task)
            if self._begin(task, data.get("payload", "")):
                self._same.add(task)
            return event
        if task in self._lists:
            return self._of_a_list(event, task)
        if task not in self._data or not self._is_same_place(task):
            return event
        known = self._data[task]
        if kind is EventKind.TASK_READY:
            return None if task in self._reused else event
        if kind is EventKind.TASK_SKIPPED or (kind is EventKind.TASK_FAILED and data.get("reused")):
            if known == data:
                return None
            self._forget(task)
            return event
        if kind is not EventKind.TASK_REUSED or self._identities.get(task) != data.get(_IDENTITY):
            self._forget(task)
            return event
        new = {name: value for name, value in data.items() if known.get(name, _NEVER) != value}
        if not new and task in self._reused:
            return None
        if _IDENTITY in data:  # by which it is known in this life of the run
            new[_IDENTITY] = data[_IDENTITY]
        return event._replace(data=new)

    def _of_a_list(self, event: Event, task: str) -> Event:
        if event.kind not in _ENDED:
            return event
        before = self._outputs.get(task, _NEVER)
        output = self._outputs[task] = event.data.get(OUTPUT, _NEVER)
        if output is _NEVER or before != output:
            return event
        rest = {name: value for name, value in event.data.items() if name != OUTPUT}
        return event._replace(data={**rest, _SAME_OUTPUT: True})

    def _begin(self, task: str, items: str) -> bool:
        """Note that a list begins, and return whether it is the one that it was."""
        if items and self._lists.get(task) == items:
            return True
        if self._lists.get(task) is not None:
            for item in [item for item in self._data if parent_id(item) == task]:
                self._forget(item)
        self._lists[task] = items
        return False

    def _is_same_place(self, task: str) -> bool:
        return not task.endswith("]") or parent_id(task) in self._same

    def _forget(self, task: str) -> None:
        self._data.pop(task, None)
        self._reused.discard(task)


def _is_covered(task: str) -> bool:
    """Return whether an id is that of a task of the run's own workflow, or of an item of such a task."""
    parent = parent_id(task)
    return parent is None or (task.endswith("]") and parent_id(parent) is None)


def with_outputs(events: list[Event]) -> Iterator[Event]:
    """Yield the events of a run, each end with its output: it may say only that it is the same as before."""
    lists = {event.task for event in events if _SAME_OUTPUT in event.data}
    outputs: dict[str | None, dict[str, Any]] = {}
    for event in events:
        if event.task not in lists or event.kind not in _ENDED:
            yield event
            continue
        data = dict(event.data)
        if data.pop(_SAME_OUTPUT, False):
            data |= outputs.get(event.task, {LOST: OUTPUT})
        outputs[event.task] = {name: data[name] for name in _OUTPUTS if name in data}
        yield event._replace(data=data)
