"""Text and progress of running tasks: the end of it travels in heartbeats, which the server shows and forgets.

A heartbeat replaces the one before, so each carries the end of the text and how much there has been in all: those who
watch add what is new to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Json, JsonObject

_TAIL: Final = 2000  # characters of a text; what is streamed faster than heartbeats are seen is cut
_CHUNK: Final = "task.chunk"


class LiveText:
    """What one attempt shows, on its worker. Told by one thread, read by another one."""

    def __init__(self, attempt: int) -> None:
        self._attempt = attempt
        self._text: tuple[int, JsonObject] | None = None  # characters in all, and an event with the last of them
        self._progress: JsonObject | None = None

    def take(self, event: JsonObject) -> None:
        """Take what a `TaskRunner` shows."""
        if event["kind"] != _CHUNK:
            self._progress = event
            return
        text = str(event["data"]["text"])
        before, last = self._text or (0, {"data": {"text": ""}})
        self._text = before + len(text), {**event, "data": {"text": (last["data"]["text"] + text)[-_TAIL:]}}

    def details(self) -> Json:
        """Return what a heartbeat carries of it; None: nothing."""
        if self._text is None and self._progress is None:
            return None
        count, text = self._text or (0, None)
        return {"attempt": self._attempt, "count": count, "text": text, "progress": self._progress}


class WatchedTexts:
    """What somebody who watches a run has seen of the texts of its tasks."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}  # attempt, and characters of it
        self._progress: dict[str, JsonObject] = {}

    def news(self, details: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
        """Return what is new in what heartbeats carry, as events."""
        events: list[JsonObject] = []
        for each in details:
            text, progress = each["text"], each["progress"]
            if text is not None:
                attempt, seen = self._seen.get(text["task"], (0, 0))
                new = each["count"] - (seen if each["attempt"] == attempt else 0)
                self._seen[text["task"]] = each["attempt"], each["count"]
                if new > 0:
                    events.append({**text, "data": {"text": text["data"]["text"][-new:]}})
            if progress is not None and self._progress.get(progress["task"]) != progress:
                self._progress[progress["task"]] = progress
                events.append(progress)
        return tuple(events)
