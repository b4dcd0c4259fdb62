"""One reply, put together from a server's events: text, tool calls, usage, state and the word with which it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from nika_core.model.message import Message, ReasoningPart, TextPart, ToolCall
from nika_core.model.usage import Usage
from nika_core.plugin.client_extras import BatchReply
from nika_core.plugin.provider import Finished, ModelRequest
from nika_core.toolbox.providers.calls import CallAssembler
from nika_core.toolbox.providers.error_body import error_in
from nika_core.toolbox.providers.events import json_lines
from nika_core.toolbox.providers.failures import clean
from nika_core.toolbox.providers.rates import read_bill
from nika_core.toolbox.providers.usage import read_usage
from nika_core.toolbox.providers.values import merged

# The words with which servers end a reply, to the four that the kernel knows. Any other word is a failure.
_STOPS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("end", "stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"), "end"),
    **dict.fromkeys(("tooluse", "tool_calls", "tool_call", "tool_use", "function_call"), "toolUse"),
    **dict.fromkeys(("refusal", "content_filter"), "refusal"),
    **dict.fromkeys(
        (
            "maxtokens", "length", "max_tokens", "max_token", "max_output_tokens", "max_completion_tokens",
            "max_new_tokens", "max_length", "model_length", "context_length", "token_limit", "context_length_exceeded",
            "model_context_window_exceeded", "num_predict", "limit", "truncated",
        ),
        "maxTokens",
    ),
}  # fmt: skip
_NO_WORD: Final = (None, "", "null", "none", "None")  # some servers write it as a text in the pieces before the end
_GOOD: Final = ("end", "toolUse")
_UNREADABLE: Final = BatchReply(error="its line in the result of the batch cannot be read")
_PART: Final = frozenset({"type", "text", "value", "refusal", "content"})  # of what is a part of a content
_FIELDS: Final = frozenset(  # of a message; what else is in it is a vendor's state
    {"role", "content", "tool_calls", "function_call", "refusal", "name", "annotations", "audio", "images", "citations"}
)


def stop_reason(word: str) -> str:
    """Return what the kernel calls a server's word for the end of a reply; an unknown word stays as it is."""
    return _STOPS.get(word.strip().lower(), word)


def content_text(content: Any) -> str:
    """Return the text of a message's content: a text, a list of parts (of which it takes the texts), or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        if content and not content.keys() & _PART:  # JSON, already read
            return json.dumps(content, ensure_ascii=False)
        if content.get("type", "text") not in ("text", "output_text", "text_delta", "refusal"):
            return ""
        return content_text(content.get("text", content.get("value", content.get("refusal", content.get("content")))))
    if isinstance(content, list):
        return "".join(content_text(part) for part in content)
    return ""


class Reply:
    """What the replies of all servers have in common; `StreamedReply` without `add`.

    Attributes:
        model: the model that answers, as the server says.
        stop: the word with which the reply ended; None before that.
        usage: what it has used, if the server has said so.
        billed: what it cost, in US dollars, if the server has said so.
        refused: whether the model refuses to answer.
        begun: whether any event so far belongs to a reply; True if nobody can tell.
        calls: the tool calls.
        state: what the vendor sent beside text and calls, and wants back with the next request.
        stops: the server's own words for the end that no other server has, to the kernel's.
    """

    stops: ClassVar[Mapping[str, str]] = {}

    def __init__(self, request: ModelRequest) -> None:
        self.model = request.model or ""
        self.stop: str | None = None
        self.usage: Usage | None = None
        self.billed: Decimal | None = None
        self.refused = False
        self.begun = True
        self.calls = CallAssembler(len(request.messages))
        self.state: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """Whether the reply has ended."""
        return self.stop is not None

    def ended(self, word: Any) -> None:
        """Take the server's word for the end, if it is one. A later word does not make a bad end good."""
        if word not in _NO_WORD and (self.stop is None or self._stopped in _GOOD):
            self.stop = str(word)

    @property
    def _stopped(self) -> str:
        return self.stops.get(self.stop or "") or stop_reason(self.stop or "")

    def used(self, told: Any) -> None:
        """Take what the server says was used, and what it cost, if it says something."""
        if isinstance(told, Mapping) and told:
            self.usage = read_usage(told, self.usage)
            bill = read_bill(told)
            self.billed = self.billed if bill is None else bill

    def finished(self) -> Finished:
        """Return the end of a complete reply: the calls of one that is not whole are not made."""
        stop = "refusal" if self.refused else self._stopped
        calls = self.calls.calls() if stop in _GOOD else ()
        usage = self.usage or Usage(calls=1)
        return Finished("toolUse" if calls else stop, usage, self.parts(calls), self.model, self.billed)

    def parts(self, calls: tuple[ToolCall, ...]) -> tuple[TextPart | ToolCall | ReasoningPart, ...]:
        """Return the parts of `Finished`: what the vendor wants back, then the calls that are made."""
        return (ReasoningPart(dict(self.state)), *calls) if self.state else calls


class ChatReply(Reply):
    """A reply in the format of chat completions, which most servers speak: in chunks, or whole."""

    _choices: ClassVar[str] = "choices"
    _parts_of_reply: ClassVar[frozenset[str]] = frozenset({"choices", "usage"})

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self._said = False
        self.begun = False

    def _begin(self, event: Mapping[str, Any]) -> None:
        self.begun = not self._parts_of_reply.isdisjoint(event)

    def add(self, event: Mapping[str, Any]) -> str:
        """Take a chunk, or a whole completion, and return the text in it."""
        if not self.begun:
            self._begin(event)
        self.model = str(event.get("model") or self.model)
        vendor = event.get("x_groq")
        self.used(vendor.get("usage") if isinstance(vendor, Mapping) else None)
        choices = event.get(self._choices)
        text = ""
        for choice in choices if isinstance(choices, list) else [choices] if isinstance(choices, Mapping) else ():
            if isinstance(choice, Mapping) and choice.get("index") in (None, 0, "0"):
                self.used(choice.get("usage"))
                text += self._choice(choice)
        self.used(event.get("usage"))
        return text

    def _choice(self, choice: Mapping[str, Any]) -> str:
        self.ended(choice.get("finish_reason"))
        message = choice.get("delta")
        if isinstance(message, str):
            message = {"content": message}
        if not isinstance(message, Mapping) or (not message and not self._said):
            message = choice.get("message")
            if self._said or not isinstance(message, Mapping):  # the whole once more, or the older format's text
                return content_text(choice.get("text")) if message is None else ""
        return self.message(message)

    def message(self, message: Mapping[str, Any]) -> str:
        """Take a message or a piece of one, and return the text in it."""
        content, said = message.get("content"), self._said
        if not said and isinstance(content, int | float) and not isinstance(content, bool):
            content = json.dumps(content)  # the JSON that was asked for, already read
        self._said = said or bool(message)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else [calls] if isinstance(calls, Mapping) else ():
            if isinstance(call, Mapping):
                self.calls.add(call)
        older = message.get("function_call")
        if isinstance(older, Mapping):
            self.calls.add(older)
        more = {name: value for name, value in message.items() if name not in _FIELDS and value}
        if more:
            self.state["message"] = merged(self.state.get("message", {}), more)
        refusal = content_text(message.get("refusal"))
        self._keep_parts(content)
        self.refused = self.refused or bool(refusal)
        return content_text(content) + refusal

    def _keep_parts(self, content: Any) -> None:
        """Keep the parts of a content that is more than text: they go back as they are."""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []
        if "content" not in self.state and all(isinstance(part, str) or content_text(part) for part in parts):
            return
        kept: list[dict[str, Any]] = self.state.setdefault("content", [])
        for part in parts:
            new = dict(part) if isinstance(part, Mapping) else {"type": "text", "text": str(part)}
            if kept and kept[-1].get("type") == new.get("type"):
                kept[-1] = merged(kept[-1], new)
            else:
                kept.append(new)

    def finished(self) -> Finished:
        """Return the end of a complete reply."""
        extras = self.calls.extras()
        if extras:
            self.state["calls"] = extras
        return super().finished()


def with_reasoning(sent: dict[str, Any], message: Message, left_out: Container[str] = ()) -> dict[str, Any]:
    """Return a message as it is sent, in the format of chat completions, with what came with it in `ChatReply`.

    Only a message that calls tools: servers refuse the reasoning of a turn that has ended, or have no use for it.

    Args:
        left_out: names of fields that the server does not take.
    """
    state = next((part.data for part in message.parts if isinstance(part, ReasoningPart)), None)
    if state is None or not message.tool_calls:
        return sent
    more = {name: value for name, value in dict(state.get("message") or {}).items() if name not in left_out}
    extras = dict(state.get("calls") or {})
    if extras and isinstance(sent.get("tool_calls"), list):
        for call, known in zip(sent["tool_calls"], message.tool_calls, strict=False):
            extra = {name: value for name, value in dict(extras.get(known.id) or {}).items() if name not in left_out}
            call["function"] |= dict(extra.pop("function", None) or {})
            call |= extra
    if state.get("content"):
        more["content"] = state["content"]
    return {**sent, **more}


def batch_replies(data: bytes, read: Callable[[Mapping[str, Any]], BatchReply]) -> dict[str, BatchReply]:
    """Return the replies in a batch's result, a file of JSON lines, by the names of the requests (`custom_id`).

    Args:
        read: makes a reply of a line. A line that it, or nobody, can read is a reply that says so.
    """
    replies: dict[str, BatchReply] = {}
    for value, line in json_lines(data):
        found = None if value is not None else re.search(rb'"custom_id":\s*("(?:[^"\\]|\\.)*")', line)
        name = value.get("custom_id") if value is not None else json.loads(found[1]) if found is not None else None
        if name is not None:
            try:
                replies[str(name)] = _UNREADABLE if value is None else read(value)
            except Exception:  # a line of any form: the others have been paid for, too
                replies[str(name)] = _UNREADABLE
    return replies


def batch_reply_of(body: Any, reply: ChatReply, secrets: Sequence[str] = ()) -> BatchReply:
    """Return the reply of a batch that a whole completion is, or the error that it is instead."""
    body = body if isinstance(body, Mapping) else {}
    error = error_in(body)
    if error is None:
        text = reply.add(body)
        if reply.complete:
            return BatchReply(text, reply.finished())
    said = error.message if error is not None else ""
    return BatchReply(error=clean(said or "the batch gave no complete answer to this request", secrets))
