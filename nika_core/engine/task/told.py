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

    def is_begun_by(self, messages: tuple[Message, ...]) -> bool:
        """Return whether a request with these messages goes on from the whole of it."""
        length = len(self.messages)  # most messages are the same objects, which makes this fast
        return length <= len(messages) and messages[:length] == self.messages


class Answered:
    """The latest conversations of a run that were answered: a task may go on with that of another, as agents do."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=REMEMBERED)

    def add(self, told: Told) -> None:
        """Remember a conversation."""
        self._told.append(told)

    def continued(self, messages: tuple[Message, ...]) -> Told | None:
        """Return the conversation that a request goes on with."""
        return next((told for told in reversed(self._told) if told.is_begun_by(messages)), None)
