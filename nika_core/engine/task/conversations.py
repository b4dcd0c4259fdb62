"""Tells what models are asked and what they answer: of a long conversation only what is new in each request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from nika_core.engine.task.model_events import model_called
from nika_core.engine.task.services import Reporter
from nika_core.engine.task.told import LatestTold, Told
from nika_core.model.codec import part_json
from nika_core.model.events import EventKind
from nika_core.model.json import JsonObject
from nika_core.model.message import DocumentPart, ImagePart, Message, Part, ReasoningPart, Role, TextPart
from nika_core.plugin import ModelReply, ModelRequest


class Conversations:
    """Tells of the requests of one step.

    `numbers` are shared by all steps of an attempt: one for each request. `answered` is shared by all tasks of a run.
    """

    def __init__(
        self,
        reporter: Reporter,
        task: str,
        within: tuple[str, ...] = (),
        numbers: Iterator[int] | None = None,
        answered: LatestTold | None = None,
    ) -> None:
        self._reporter = reporter
        self._task = task
        self._within = within
        self.numbers: Iterator[int] = count(1) if numbers is None else numbers
        self._answered = LatestTold() if answered is None else answered
        self._told = LatestTold()

    def asked(self, request: ModelRequest) -> int:
        """Tell of a request that is about to be sent; return its number."""
        before, kept = self._before(request.messages)
        call, system = next(self.numbers), request.system or ""
        data: dict[str, Any] = {"call": call}
        if self._within:
            data["within"] = list(self._within)
        if before is not None:
            data |= {"after": before.call, "kept": kept}
            if before.task != self._task:
                data["afterTask"] = before.task
        if system != ("" if before is None else before.system):
            data["system"] = system
        data["messages"] = [shown_message(message) for message in request.messages[kept:]]
        if before is not None and before in self._told and kept == len(before.messages):
            self._told.remove(before)  # this one goes on with it
        self._told.append(Told(self._task, call, system, tuple(request.messages)))
        self._reporter.emit(EventKind.MODEL_ASKED, self._task, data)
        return call

    def answered(self, call: int, reply: ModelReply, seconds: float, more: JsonObject | None = None) -> None:
        """Tell of the reply to a request, `seconds` after it, without a provider's own reasoning.

        `more` is added to the event's data.
        """
        for place, told in enumerate(self._told):
            if told.call == call:
                messages = (*told.messages, Message(Role.ASSISTANT, reply.parts))
                self._told[place] = Told(self._task, call, told.system, messages)
                self._answered.append(self._told[place])
        parts = [part_json(part) for part in reply.parts if not isinstance(part, ReasoningPart)]
        data = {**model_called(reply, seconds), "call": call, "reply": parts, **(more or {})}
        self._reporter.emit(EventKind.MODEL_CALLED, self._task, data)

    def _before(self, messages: tuple[Message, ...]) -> tuple[Told | None, int]:
        """Return what a request goes on from, and how many of its messages have been told with it."""
        whole = self._told.continued(messages) or self._answered.continued(messages)
        if whole is not None:
            return whole, len(whole.messages)
        best: tuple[Told | None, int] = None, 0
        for told in reversed(self._told):
            pairs = zip(told.messages, messages, strict=False)
            least = min(len(told.messages), len(messages))
            same = next((place for place, (one, other) in enumerate(pairs) if one != other), least)
            if same > best[1]:
                best = told, same
        return best


def shown_message(message: Message) -> JsonObject:
    """Return a message as events have it: files without their content, and without a provider's own reasoning."""
    if message.kinds <= {TextPart}:
        return {"role": message.role.value, "content": message.text}
    parts = [_shown(part) for part in message.parts if not isinstance(part, ReasoningPart)]
    return {"role": message.role.value, "content": parts}


def _shown(part: Part) -> JsonObject:
    if isinstance(part, ImagePart | DocumentPart):
        kind = "image" if isinstance(part, ImagePart) else "document"
        return {"type": kind, "mediaType": part.media_type, "name": part.name, "bytes": len(part.data)}
    return part_json(part)
