"""What tasks show as they come, text and progress: handed to the backend of their run, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nika_core.engine.local.observers import Observers
from nika_core.model.events import LIVE, Event
from nika_core.model.json import JsonObject

ShowLive = Callable[[JsonObject], None]


class LiveEvents(Observers):
    """Shows each task's live events to the one that asked for them.

    Attributes:
        shown_to: who asked, by node.
    """

    def __init__(self) -> None:
        super().__init__()
        self.chunks = True
        self.shown_to: dict[str, ShowLive] = {}

    def show(self, events: Iterable[Event]) -> None:
        """Hand over the live ones."""
        for event in events:
            show = self.shown_to.get(event.task or "")
            if show is not None and event.kind in LIVE:
                show({"kind": str(event.kind), "task": event.task, "at": event.at, "data": dict(event.data)})
