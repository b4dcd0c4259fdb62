"""Replies as JSON and back, and the name under which one is kept, so that nothing is paid for twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from nika_core.engine.core.hashing import digest
from nika_core.model.codec import part_json, part_of, usage_json, usage_of
from nika_core.model.json import Json, JsonObject
from nika_core.model.message import Message, Part, ReasoningPart, TextPart, ToolCall, kinds_of, parts_of, text_in
from nika_core.plugin import Finished, ModelReply, ModelRequest
from nika_core.values import replace

_PREFIX: Final = "model"


class CallNames:
    """Names a task's calls by what they ask: the n-th time that one attempt asks exactly the same.

    Independent of the order in which parallel calls come back, and a call whose question has changed has no name
    that was there before.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], dict[str, int]] = {}

    def forget(self, key: str, attempt: int) -> None:
        """Count an attempt's calls, and those of the tools in it, anew: its step is run again from its beginning."""
        for other in [one for one in self._asked if one[1] == attempt and f"{one[0]}/".startswith(f"{key}/")]:
            del self._asked[other]

    def name(self, key: str, attempt: int, provider: str, request: ModelRequest) -> str:
        """Args: the request as the task means it, before anything that depends on the state of the budgets."""
        asked = digest([provider, _asked(request)])
        counts = self._asked.setdefault((key, attempt), {})
        counts[asked] = counts.get(asked, 0) + 1
        return f"{_PREFIX}:{asked}:{counts[asked]}"


_DIGEST: Final = attrgetter("digest")


def _asked(request: ModelRequest) -> JsonObject:
    """Return what a request asks; not how it is sent, or how much of it the budgets leave."""
    return {
        "messages": "".join(map(_DIGEST, request.messages)),
        "model": request.model,
        "system": request.system,
        "tools": [[tool.name, tool.description, tool.parameters] for tool in request.tools],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "output_schema": request.output_schema,
        "effort": request.effort,
        "options": request.options,
    }


def reply_json(reply: ModelReply) -> JsonObject:
    """Return a reply as the call cache keeps it."""
    return {
        "parts": [part_json(part) for part in reply.parts],
        "stopReason": reply.stop_reason,
        "usage": usage_json(reply.usage),
        "model": reply.model,
    }


def reply_of(found: Json, provider: str = "") -> ModelReply | None:
    """Return a provider's reply of such JSON, `reused` set; None if it is not a reply (somebody else wrote it)."""
    if not isinstance(found, dict):
        return None
    try:
        parts = tuple(part_of(part) for part in found["parts"])
        return ModelReply(parts, found["stopReason"], usage_of(found["usage"]), found["model"], provider, reused=True)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def reply_parts(text: str, finished: Finished, provider: str) -> tuple[Part, ...]:
    """Return the parts of a whole reply: the text that was streamed, and what its end brings.

    The text has the places that `Finished.parts` has for it; without any it is behind the first parts of reasoning.
    """
    parts = [replace(part, provider=provider) if isinstance(part, ReasoningPart) else part for part in finished.parts]
    if text_in(parts) == text:
        return tuple(parts)
    others = [part for part in parts if not isinstance(part, TextPart)]
    first = next((n for n, part in enumerate(others) if not isinstance(part, ReasoningPart)), len(others))
    return (*others[:first], *parts_of(text), *others[first:])


def for_provider(messages: Sequence[Message], provider: str) -> tuple[Message, ...]:
    """Return a conversation without the reasoning of other providers, which only these can read."""
    if ReasoningPart not in kinds_of(messages):
        return tuple(messages)
    return tuple(
        _without_others(message, provider) if ReasoningPart in message.kinds else message for message in messages
    )


def _without_others(message: Message, provider: str) -> Message:
    if all(_is_readable(part, provider) for part in message.parts):
        return message
    return replace(message, parts=tuple(part for part in message.parts if _is_readable(part, provider)))


def _is_readable(part: Part, provider: str) -> bool:
    return not isinstance(part, ReasoningPart) or part.provider in ("", provider)


def tokens_of(reply_text: str, tool_calls: tuple[ToolCall, ...] = ()) -> int:
    """Estimate tokens if the provider returns no figures: UTF-8 bytes / 4, rounded up."""
    size = len(reply_text.encode("utf-8", "replace"))
    size += sum(len((call.name + call.raw).encode("utf-8", "replace")) for call in tool_calls)
    return math.ceil(size / 4)
