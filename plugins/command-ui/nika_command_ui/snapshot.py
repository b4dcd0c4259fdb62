"""A run at one moment, whether its history is here or on a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, Final

from nika_core.plugin import Event, EventKind, JsonObject

CHILDREN: Final = ("items", "rounds", "tasks")
_LIVE: Final = frozenset({"running", "paused", "interrupted"})
_ENDS: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED})


class Snapshot:
    """A run at one moment.

    Args:
        json: what `nika runs show --format json` prints, without outputs of more than 64 KiB.
        read_events: reads all that has happened, in order. Nothing keeps it: of a large run it is larger than the rest.

    Attributes:
        nodes: every task, item, round and inner task, by its id.
    """

    def __init__(self, json: JsonObject, read_events: Callable[[], Iterable[Event]]) -> None:
        self.json = json
        self.nodes = {node["id"]: node for node in all_nodes(json.get("tasks", ()))}
        self.events = read_events

    @cached_property
    def times(self) -> dict[str, tuple[float, float | None]]:
        """When each task first began and last ended, in seconds since the epoch."""
        times: dict[str, tuple[float, float | None]] = {}
        for event in self.events():
            if event.task is None:
                continue
            began, _ = times.get(event.task, (event.at, None))
            if event.kind == EventKind.TASK_STARTED:
                times[event.task] = began, None
            elif event.kind in _ENDS:
                times[event.task] = began, event.at
        return times

    @property
    def is_live(self) -> bool:
        """Whether more can happen."""
        return self.json["status"] in _LIVE


def all_nodes(tasks: Any) -> Iterator[JsonObject]:
    """Yield tasks and all that is inside them."""
    for task in tasks:
        yield task
        for kind in CHILDREN:
            yield from all_nodes(task.get(kind, ()))
