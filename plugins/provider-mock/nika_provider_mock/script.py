"""A script: what the mock answers, and to what. See the README for the file's form."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nika_core.plugin import Category, FileError, Json, JsonObject, Message, ModelRequest, Role, TaskError, read_json


@dataclass(frozen=True, slots=True)
class When:
    """What a request must be like; all that is given must hold.

    `contains` is looked for in the last message, `prompt` in the last message of the user, `system` in the system
    prompt; `model` is an `fnmatch` pattern; `turn` counts the answers already given in this conversation.
    """

    contains: str | None = None
    prompt: str | None = None
    system: str | None = None
    model: str | None = None
    turn: int | None = None

    def fits(self, request: ModelRequest) -> bool:
        last = _said(request.messages[-1]) if request.messages else ""
        users = [message.text for message in request.messages if message.role is Role.USER]
        turn = sum(message.role is Role.ASSISTANT for message in request.messages)
        return (
            (self.contains is None or self.contains in last)
            and (self.prompt is None or self.prompt in (users[-1] if users else ""))
            and (self.system is None or self.system in (request.system or ""))
            and (self.model is None or fnmatch.fnmatchcase(request.model or "", self.model))
            and (self.turn is None or self.turn == turn)
        )


def _said(message: Message) -> str:
    return message.text or "".join(result.text for result in message.tool_results)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error to raise, after `after_chunks` chunks of the text have gone out. `retry_after` in seconds."""

    category: Category
    message: str = "the script says so"
    retry_after: float | None = None
    after_chunks: int = 0
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the mock asks for. `arguments` a JSON object, or a text that is sent as it is."""

    name: str
    arguments: Any = field(default_factory=dict)
    id: str | None = None


@dataclass(slots=True)
class Reply:
    """One entry. `times`: how often it may be used, None for ever; `delay`: seconds before the first chunk."""

    when: When = field(default_factory=When)
    text: str | None = None
    json: Json = None
    has_json: bool = False
    calls: tuple[Call, ...] = ()
    reasoning: str = ""
    stop_reason: str | None = None
    usage: tuple[int, int] | None = None
    chunks: int = 3
    times: int | None = 1
    delay: float = 0.0
    hang: bool = False
    truncated: bool = False
    fault: Fault | None = None


class Script:
    """Replies in order: the first unused one that fits the request is played."""

    def __init__(self, replies: Sequence[Reply] = (), polls: int = 0) -> None:
        self._replies = list(replies)
        self.polls = polls

    def take(self, request: ModelRequest) -> Reply | None:
        """Use up and return the next reply for this request, or None if the script has none."""
        for reply in self._replies:
            if reply.times != 0 and reply.when.fits(request):
                if reply.times is not None:
                    reply.times -= 1
                return reply
        return None

    def reply_to(self, request: ModelRequest) -> Reply:
        """Use up and return the next reply for this request, or the usual one if the script has none."""
        return self.take(request) or Reply()


def read_script(path: str) -> Script:
    """Read a script. Raise TaskError (category config) that says what is wrong with the file."""
    try:
        return parse_script(read_json(Path(path)))
    except FileError as error:
        raise _bad(str(error.place), error.reason) from None
    except ValueError as error:
        raise _bad(path, str(error)) from None


def parse_script(value: Any) -> Script:
    """Parse the JSON of a script. Raise ValueError with a sentence."""
    if isinstance(value, list):
        value = {"replies": value}
    known = _mapping(value, "the script", {"replies", "batch"})
    replies = known.get("replies", [])
    if not isinstance(replies, list):
        raise ValueError("`replies` must be a list")
    polls = _mapping(known.get("batch", {}), "`batch`", {"polls"}).get("polls", 0)
    return Script([_reply(item, f"replies[{index}]") for index, item in enumerate(replies)], int(polls))


_REPLY_KEYS = {
    "when", "text", "json", "toolCalls", "reasoning", "stopReason", "usage", "chunks", "times", "delay", "hang",
    "truncated", "error",
}  # fmt: skip


def _reply(value: Any, where: str) -> Reply:
    if isinstance(value, str):
        return Reply(text=value)
    given = _mapping(value, where, _REPLY_KEYS)
    when = _mapping(given.get("when", {}), f"{where}.when", {item.name for item in fields(When)})
    calls = given.get("toolCalls", [])
    if not isinstance(calls, list):
        raise ValueError(f"{where}.toolCalls must be a list")
    usage = given.get("usage")
    if usage is not None:
        usage = _mapping(usage, f"{where}.usage", {"inputTokens", "outputTokens"})
    chunks, times, delay = given.get("chunks", 3), given.get("times", 1), given.get("delay", 0)
    if not isinstance(chunks, int) or chunks < 1:
        raise ValueError(f"{where}.chunks must be a whole number from 1")
    if times is not None and (not isinstance(times, int) or times < 0):
        raise ValueError(f"{where}.times must be a whole number, or null for ever")
    if not isinstance(delay, int | float) or delay < 0:
        raise ValueError(f"{where}.delay must be seconds")
    return Reply(
        when=When(**when),
        text=given.get("text"),
        json=given.get("json"),
        has_json="json" in given,
        calls=tuple(_call(item, f"{where}.toolCalls[{index}]") for index, item in enumerate(calls)),
        reasoning=str(given.get("reasoning", "")),
        stop_reason=given.get("stopReason"),
        usage=None if usage is None else (int(usage.get("inputTokens", 0)), int(usage.get("outputTokens", 0))),
        chunks=chunks,
        times=times,
        delay=float(delay),
        hang=bool(given.get("hang", False)),
        truncated=bool(given.get("truncated", False)),
        fault=_fault(given["error"], f"{where}.error") if "error" in given else None,
    )


def _call(value: Any, where: str) -> Call:
    given = _mapping(value, where, {"name", "arguments", "id"})
    if not isinstance(given.get("name"), str):
        raise ValueError(f"{where}.name must be the name of a tool")
    return Call(given["name"], given.get("arguments", {}), given.get("id"))


def _fault(value: Any, where: str) -> Fault:
    given = _mapping(value, where, {"category", "message", "retryAfter", "afterChunks", "code"})
    names = [category.value for category in Category]
    if given.get("category", "provider") not in names:
        raise ValueError(f"{where}.category must be one of {', '.join(names)}")
    return Fault(
        Category(given.get("category", "provider")),
        str(given.get("message", "the script says so")),
        given.get("retryAfter"),
        int(given.get("afterChunks", 0)),
        given.get("code"),
    )


def _mapping(value: Any, where: str, known: set[str]) -> JsonObject:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a JSON object")
    unknown = sorted(set(value) - known)
    if unknown:
        raise ValueError(f"{where} has an unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return value


def _bad(place: str, message: str) -> TaskError:
    return TaskError(
        f"the mock's script {place} {message}",
        category=Category.CONFIG,
        hint="NIKA_MOCK_SCRIPT names a JSON file of replies; the provider's README shows its form",
    )
