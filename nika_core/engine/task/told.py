"""Remembers which conversations with models the events of a run have told."""

from __future__ import annotations

from collections import deque
from typing import Final

from nika_core.model.message import Message
from nika_core.values import dataclass

REMEMBERED: Final = 8  # conversations that a step may have at once; of more, a request is told whole


@dataclass(frozen=True, slots=True)
class Told:
    """What has been told: a request and, if it was answered, its reply."""

    task: str
    call: int
    system: str
    messages: tuple[Message, ...]


class LatestTold(deque[Told]):
    """The latest conversations that were told, the last one behind."""

    def __init__(self) -> None:
        super().__init__(maxlen=REMEMBERED)

    def continued(self, messages: tuple[Message, ...]) -> Told | None:
        """Return the last conversation the whole of which a request with these messages goes on from."""
        for told in reversed(self):
            length = len(told.messages)  # most messages are the same objects, which makes this fast
            if length <= len(messages) and messages[:length] == told.messages:
                return told
        return None
