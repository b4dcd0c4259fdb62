"""Our requests in the words of OpenAI's Responses API, and its replies in ours. Pure."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Container, Mapping
from typing import Any, Final

from nika_core.plugin import (
    DocumentPart,
    Finished,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCall,
    Usage,
)
from nika_core.toolbox.providers import ChatReply, Reply, content_text, data_url, file_text
from nika_provider_openai.labels import metadata_of
from nika_provider_openai.wire import asked_in_words, is_strict

_ITEMS: Final = "items"  # of a reply's output, in what goes back
_ENCRYPTED: Final = "reasoning.encrypted_content"


def body_of(request: ModelRequest, *, reasons: bool, left_out: Container[str] = ()) -> dict[str, Any]:
    """Return a request's body. Nothing is stored at the server: what a later turn needs comes back encrypted.

    Args:
        reasons: whether the model is one that reasons.
        left_out: fields that the server does not take. It is asked for a schema in words then.
    """
    if request.output_schema is not None and "text" in left_out:
        request = asked_in_words(request)
    body: dict[str, Any] = {"model": request.model, "input": _items(request), "store": False}
    if request.system:
        body["instructions"] = request.system
    if request.max_tokens is not None:  # always sent: budgets rely on it
        body["max_output_tokens"] = request.max_tokens
    if request.temperature is not None and "temperature" not in left_out:
        body["temperature"] = request.temperature
    if request.effort and "reasoning" not in left_out:
        body["reasoning"] = {"effort": request.effort}
    if reasons and "include" not in left_out:
        body["include"] = [_ENCRYPTED]
    if "metadata" not in left_out and (metadata := metadata_of(request)):
        body["metadata"] = metadata
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
                "strict": False,
            }
            for tool in request.tools
        ]
    if request.output_schema is not None:
        body["text"] = {"format": _format(dict(request.output_schema))}
    return body


def _format(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "name": "output", "schema": schema, "strict": is_strict(schema)}


def _items(request: ModelRequest) -> list[dict[str, Any]]:
    return [item for message in request.messages for item in _sent(message)]


def _sent(message: Message) -> list[dict[str, Any]]:
    if message.role is Role.TOOL:
        return [
            {
                "type": "function_call_output",
                "call_id": result.call_id,
                "output": f"Error: {result.text}" if result.is_error else result.text,
            }
            for result in message.tool_results
        ]
    if message.role is Role.USER:
        return [{"role": "user", "content": [part for each in message.parts if (part := _part(each)) is not None]}]
    kept = next((part.data.get(_ITEMS) for part in message.parts if isinstance(part, ReasoningPart)), None)
    if isinstance(kept, list) and message.tool_calls:
        return [dict(item) for item in kept]
    said = [{"role": "assistant", "content": message.text}] if message.text else []
    return [*said, *(_call(call) for call in message.tool_calls)]


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = "{}" if call.arguments is None else json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _part(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": data_url(part.media_type, part.data)}
        case DocumentPart(media_type="text/plain"):
            return {"type": "input_text", "text": file_text(part)}
        case DocumentPart():
            name = part.name or "document.pdf"
            return {"type": "input_file", "filename": name, "file_data": data_url(part.media_type, part.data)}
    return None


class ResponsesReply(Reply):
    """A reply of the Responses API: in events, or whole."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self._items: list[dict[str, Any]] = []
        self._seen: set[tuple[str, str]] = set()  # kinds and ids of items
        self._pending: dict[str, dict[str, Any]] = {}  # calls that have begun, by the ids of their items
        self._said = False
        self._cut = False  # whether an item is not whole
        self._said_in_item = False

    def add(self, event: Mapping[str, Any]) -> str:
        """Take an event, or a whole response, and return the text in it."""
        match event.get("type"):
            case "response.output_text.delta":
                return self._text(event.get("delta"))
            case "response.refusal.delta":
                self.refused = True
                return self._text(event.get("delta"))
            case "response.output_text.done" if not self._said_in_item:
                return self._text(event.get("text"))
            case "response.content_part.done" if not self._said_in_item:
                return self._text(event.get("part"))
            case "response.output_item.added":
                self._call_begins(event.get("item"))
            case "response.function_call_arguments.delta" | "response.function_call_arguments.done" as kind:
                self._call_goes_on(event, whole=kind.endswith("done"))
            case "response.output_item.done":
                text, self._said_in_item = self._item(event.get("item"), self._said_in_item), False
                return self._text(text) if text else ""
            case "response.usage":
                self.used(event.get("usage"))
            case "response.completed" | "response.incomplete":
                self.used(event.get("usage"))
                return self._whole(event.get("response"))
            case None if "output" in event:
                return self._whole(event)
        return ""

    def _text(self, content: Any) -> str:
        text = content_text(content)
        self._said = self._said or bool(text)
        self._said_in_item = self._said_in_item or bool(text)
        return text

    def _call_begins(self, item: Any) -> None:
        if isinstance(item, Mapping) and item.get("type") == "function_call":
            self._pending[str(item.get("id"))] = dict(item)

    def _call_goes_on(self, event: Mapping[str, Any], *, whole: bool) -> None:
        call, piece = self._pending.get(str(event.get("item_id"))), event.get("arguments" if whole else "delta")
        if call is not None and isinstance(piece, str):
            call["arguments"] = piece if whole else f"{call.get('arguments') or ''}{piece}"

    def _whole(self, response: Any) -> str:
        """Take the end: the response as a whole, whose items and text may have come before."""
        if not isinstance(response, Mapping):
            return ""
        self.model = str(response.get("model") or self.model)
        self.used(response.get("usage"))
        text, said = "", self._said
        output = response.get("output")
        kinds = {kind for kind, _ in self._seen}
        for item in output if isinstance(output, list) else ():
            if isinstance(item, Mapping) and (_id_of(item) or str(item.get("type")) not in kinds):
                text += self._item(item, said)
        for call in list(self._pending.values()):  # of servers that do not send the items again
            self._item(call, said=True)
        if not said and not text:
            text = content_text(response.get("output_text"))
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, Mapping) else None
        self.ended(reason or response.get("status"))
        self.ended("incomplete" if self._cut and self.stop is not None else None)
        return text

    def _item(self, item: Any, said: bool) -> str:
        """Take one finished item of the output, and return its text unless that has been `said`."""
        if not isinstance(item, Mapping):
            return ""
        kind = str(item.get("type"))
        if _id_of(item) and (kind, _id_of(item)) in self._seen:
            return ""
        self._seen.add((kind, _id_of(item)))
        self._cut = self._cut or item.get("status") == "incomplete"
        if kind == "function_call":
            self._pending.pop(str(item.get("id")), None)
            call = {name: item.get(name) for name in ("name", "arguments")}
            self.calls.add({"id": item.get("call_id") or item.get("id"), "index": len(self._items), **call})
        if kind == "reasoning" and not (item.get("encrypted_content") or item.get("content")):
            return ""  # nothing is stored there: without its content it cannot go back
        self._items.append(_returned(item))
        parts = item.get("content") if kind == "message" else None
        for part in parts if isinstance(parts, list) else ():
            self.refused = self.refused or (isinstance(part, Mapping) and part.get("type") == "refusal")
        return "" if said else content_text(parts)

    def parts(self, calls: tuple[ToolCall, ...]) -> tuple[TextPart | ToolCall | ReasoningPart, ...]:
        """Return the parts of `Finished`: the whole output if reasoning is in it, then the calls that are made."""
        if calls and any(item.get("type") == "reasoning" for item in self._items):
            self.state[_ITEMS] = self._items
        return super().parts(calls)


def _id_of(item: Mapping[str, Any]) -> str:
    return str(item.get("id") or item.get("call_id") or "")


def _returned(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as it goes back: the names of items that are not stored mean nothing, but for reasoning."""
    dropped = ("status",) if item.get("type") == "reasoning" else ("status", "id")
    return {name: value for name, value in item.items() if name not in dropped and value is not None}


async def with_failures(events: AsyncIterator[Mapping[str, Any]]) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the events of a reply; an event that says that the reply has failed as the error in it."""
    async for event in events:
        response = event.get("response")
        if isinstance(response, Mapping) and (event.get("type") == "response.failed" or response.get("error")):
            if response.get("usage"):
                yield {"type": "response.usage", "usage": response["usage"]}
            yield {"error": response.get("error") or {"message": "the response has failed"}}
        elif event.get("type") == "error" and "error" not in event:
            yield {"error": {name: event.get(name) for name in ("code", "message")}}
        else:
            yield event


class EitherReply:
    """A reply of the Responses API or of Chat Completions: its first event says which.

    Attributes:
        usage: what it has used, if the server has said so.
        begun: whether any event so far belongs to a reply, or keeps the connection open until there is one.
    """

    def __init__(self, request: ModelRequest) -> None:
        self.usage: Usage | None = None
        self.begun = False
        self._request = request
        self._reply: ResponsesReply | ChatReply | None = None

    @property
    def complete(self) -> bool:
        """Whether it has ended."""
        return self._reply is not None and self._reply.complete

    def add(self, event: Mapping[str, Any]) -> str:
        """Take an event and return the text in it."""
        reply = self._reply
        if reply is None:
            kind = str(event.get("type") or "")
            is_response = "output" in event or kind.startswith("response.")
            if kind and not is_response and "choices" not in event:
                self.begun = self.begun or any(word in kind for word in ("ping", "alive", "beat"))
                return ""
            reply = self._reply = ResponsesReply(self._request) if is_response else ChatReply(self._request)
        text = reply.add(event)
        self.usage = reply.usage
        if not self.begun:
            self.begun = reply.begun
        return text

    def finished(self) -> Finished:
        """Return its end."""
        return (self._reply or ChatReply(self._request)).finished()
