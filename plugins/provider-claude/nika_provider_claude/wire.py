"""Our requests in Anthropic's words, and its replies in ours. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import (
    BatchReply,
    Category,
    DocumentPart,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    ReasoningPart,
    Role,
    TaskError,
    TextPart,
    ToolCall,
    ToolResultPart,
    Usage,
)
from nika_core.toolbox.providers import Reply, clean, content_text, merged, read_error_body
from nika_provider_claude.models import thinking_of

DEFAULT_MAX_TOKENS: Final = 4096
_MARK: Final = {"type": "ephemeral"}  # kept for five minutes, and again for five whenever it is read
_KINDS: Final = ("message_start", "message", "content_block_start", "content_block_delta", "message_delta", "ping")
_TEXT: Final = {"type", "text"}  # all that a piece of text has
LEAST_ROOM: Final = 2048  # tokens of an answer, in which thinking has a place
_LEAST_BUDGET: Final = 1024  # tokens of thinking: Anthropic's own bound
_SHARES: Final = {"low": 25, "medium": 50, "high": 75}  # percent of `max_tokens` that a model may think
_USER: Final = "user"  # the label that says for whom a project asks
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
Transform = Callable[[dict[str, Any]], dict[str, Any]]


def prompt_of(request: ModelRequest, transform: Transform, left_out: Container[str] = ()) -> dict[str, Any]:
    """Return what is counted as the prompt: model, system, messages, tools and the schema of the answer.

    Args:
        left_out: fields that the server does not take. It is asked for a schema in words then.
    """
    system = request.system
    body: dict[str, Any] = {"model": request.model, "messages": _turns(request.messages)}
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": _object(tool.parameters)}
            for tool in request.tools
        ]
    if request.output_schema is not None:
        schema = None
        if "output_config" not in left_out:
            schema = _transformed(dict(request.output_schema), transform)
        if schema is None:  # not every schema can be asked for natively
            text = json.dumps(dict(request.output_schema), ensure_ascii=False)
            wish = f"Answer with one JSON value that fits this JSON Schema, and nothing else:\n{text}"
            system = "\n\n".join(part for part in (system, wish) if part)
        else:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if system:
        body["system"] = system
    return body


def body_of(request: ModelRequest, transform: Transform, left_out: Container[str] = ()) -> dict[str, Any]:
    """Return a message's body. Anthropic wants `max_tokens` always."""
    body = {**prompt_of(request, transform, left_out), "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS}
    user = request.labels.get(_USER)
    if user and "metadata" not in left_out:  # Anthropic wants no names: what the label says cannot be read from it
        body["metadata"] = {"user_id": hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()}
    body = _with_thinking(body, request, left_out)
    return _with_cache(body) if request.cache_prompt else body


def _with_cache(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body that says up to where its prompt is to be cached. What is before a mark stays the same bytes.

    Tools and system prompt are the same for many calls. A conversation is marked where it may go on: its end, and
    where it ended one turn before, since a cache is looked for only some blocks back. Anthropic takes four marks.
    """
    marked = dict(body)
    if isinstance(body.get("system"), str):
        marked["system"] = [{"type": "text", "text": body["system"], "cache_control": _MARK}]
    elif body.get("tools"):
        marked["tools"] = [*body["tools"][:-1], {**body["tools"][-1], "cache_control": _MARK}]
    turns = body["messages"]
    if not body.get("tools") and len(turns) < 2:
        return marked  # one question: nobody will ask again with the same beginning
    asked = [number for number, turn in enumerate(turns) if turn["role"] == "user"][-2:]
    marked["messages"] = [_marked(turn) if number in asked else turn for number, turn in enumerate(turns)]
    return marked


def _marked(turn: dict[str, Any]) -> dict[str, Any]:
    *blocks, last = turn["content"]
    return {**turn, "content": [*blocks, {**last, "cache_control": _MARK}]}


def thinks(request: ModelRequest) -> bool:
    """Return whether an effort can be asked for: a budget needs room in `max_tokens`, and its part of every turn."""
    if not request.effort or thinking_of(request.model or "") != "budget":
        return bool(request.effort)
    last = next((message for message in reversed(request.messages) if message.role is Role.ASSISTANT), None)
    if last is not None and last.tool_calls and not isinstance(last.parts[0], ReasoningPart):
        return False  # a turn that began without thinking (another model's, say) goes on without it
    return (request.max_tokens or DEFAULT_MAX_TOKENS) >= LEAST_ROOM


def _with_thinking(body: dict[str, Any], request: ModelRequest, left_out: Container[str]) -> dict[str, Any]:
    effort, kind = request.effort or "", thinking_of(request.model or "")
    if not thinks(request) or not kind or "thinking" in left_out:
        return body
    if kind == "budget":
        budget = max(_LEAST_BUDGET, body["max_tokens"] * _SHARES.get(effort, 50) // 100)
        return {**body, "thinking": {"type": "enabled", "budget_tokens": budget}}
    asked = {**body, "thinking": {"type": "adaptive"}}
    if "output_config" not in left_out:
        asked["output_config"] = {**body.get("output_config", {}), "effort": effort}
    return asked


def _transformed(schema: dict[str, Any], transform: Transform) -> dict[str, Any] | None:
    if not schema:
        return None
    try:
        return transform(schema)
    except Exception:  # the SDK's own function: whatever it does not know, it says by some exception
        return None


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", **schema}


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return alternating turns: results of tools, and what the user says after them, are one turn of the user."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(blocks)
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[dict[str, Any]]:
    blocks = [block for part in message.parts if (block := _block(part)) is not None]
    whole = next((block["content"] for block in blocks if "type" not in block), None)
    if isinstance(whole, list):  # a turn that an earlier version kept as it came
        blocks = [dict(block) for block in whole]
    return [block for block in blocks if block.get("type") != "text" or str(block.get("text")).strip()]


def _block(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": dict(part.arguments or {})}
        case ReasoningPart() if "type" in part.data or "content" in part.data:
            return dict(part.data)
        case ToolResultPart():
            block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.call_id}
            if part.text.strip():  # a text of white space is refused
                block["content"] = part.text
            return block | ({"is_error": True} if part.is_error else {})
        case ImagePart():
            return {"type": "image", "source": _source(part)}
        case DocumentPart(media_type="text/plain"):
            source = {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8", "replace")}
            return {"type": "document", "source": source} | ({"title": part.name} if part.name else {})
        case DocumentPart():
            return {"type": "document", "source": _source(part)} | ({"title": part.name} if part.name else {})
    return None


def _source(part: ImagePart | DocumentPart) -> dict[str, Any]:
    data = base64.b64encode(part.data).decode("ascii")
    return {"type": "base64", "media_type": part.media_type, "data": data}


def _key(index: object) -> int | str:
    return index if type(index) is int else str(index)


class ClaudeReply(Reply):
    """Collects the events of a stream, or a whole message."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self._blocks: list[dict[str, Any]] = []
        self._places: dict[int | str, int] = {}  # of the blocks, by their index, which some servers use again
        self.begun = False

    def add(self, event: Mapping[str, Any]) -> str:
        """Take an event and return the text in it."""
        kind = event.get("type")
        self.begun = self.begun or kind in _KINDS or "input_tokens" in event
        if kind is None and "input_tokens" in event and self.usage is None:
            # The server takes the request for one that counts tokens: nothing was generated, and it may be asked again.
            self.usage = Usage()
        match kind:
            case "message_start":
                message = _object_in(event, "message")
                self.model = str(message.get("model") or self.model)
                self.used(message.get("usage"))
                self.ended(message.get("stop_reason"))
                return self._whole(message) if message.get("content") else ""
            case "message":  # whole, from a server that streams nothing
                self.model = str(event.get("model") or self.model)
                self.used(event.get("usage"))
                self.ended(event.get("stop_reason"))
                return self._whole(event)
            case "content_block_start":
                return self._begin(event.get("index"), _object_in(event, "content_block"))
            case "content_block_delta":
                return self._continue(event.get("index"), _object_in(event, "delta"))
            case "message_delta":
                self.ended(_object_in(event, "delta").get("stop_reason") or event.get("stop_reason"))
                self.used(event.get("usage"))
            case "message_stop":  # some gateways say only here how the reply has ended
                self.ended(event.get("stop_reason") or _object_in(event, "message").get("stop_reason"))
        return ""

    def _whole(self, message: Mapping[str, Any]) -> str:
        content = message.get("content")
        if not isinstance(content, list):
            return content_text(content)
        blocks = (block for block in content if isinstance(block, Mapping))
        return "".join(self._begin(index, block) for index, block in enumerate(blocks))

    def _begin(self, index: object, block: Mapping[str, Any]) -> str:
        place = self._places[_key(index)] = len(self._blocks)
        text = block.get("text", "")
        self._blocks.append(dict(block) if isinstance(text, str) else {**block, "text": content_text(text)})
        if block.get("type") == "tool_use":
            self.calls.add({**block, "index": place})
        return content_text(block) if block.get("type") == "text" else ""

    def _continue(self, index: object, delta: Mapping[str, Any]) -> str:
        if not self._blocks:
            self._begin(index, {"type": "text", "text": ""})
        place = self._places.get(_key(index), len(self._blocks) - 1)
        block = self._blocks[place]
        if block.keys() == delta.keys() == _TEXT and delta["type"] == "text_delta" and type(delta["text"]) is str:
            block["text"] += delta["text"]  # nearly all of a reply: the bound of `bench_streams` needs it
            return str(delta["text"])
        if delta.get("type") == "input_json_delta":
            if block.get("type") == "tool_use":
                self.calls.add({"index": place, "arguments": delta.get("partial_json")})
            return ""
        more = {name: value for name, value in delta.items() if name != "type"}
        if "citation" in more:
            more = {"citations": [more["citation"]]}
        self._blocks[place] = merged(block, more)
        return content_text(delta) if delta.get("type", "text_delta") == "text_delta" else ""

    def parts(self, calls: tuple[ToolCall, ...]) -> tuple[TextPart | ToolCall | ReasoningPart, ...]:
        """Return the blocks of the reply in their order; what is neither text nor a call goes back as it came."""
        made = {call.id: call for call in calls}
        parts: list[TextPart | ToolCall | ReasoningPart] = []
        for block in self._blocks:
            match block.get("type"):
                case "text":
                    parts.append(TextPart(content_text(block)))
                case "tool_use":
                    if (call := made.pop(str(block.get("id")), None)) is not None:
                        parts.append(call)
                case _:
                    parts.append(ReasoningPart(block))
        return (*parts, *made.values())


def batch_reply(result: Any, request: ModelRequest) -> BatchReply:
    """Return one result of a batch."""
    result = result if isinstance(result, Mapping) else {}
    message = _object_in(result, "message")
    if result.get("type") == "succeeded" and message:
        reply = ClaudeReply(request)
        text = reply.add({**message, "type": "message"})
        if reply.complete:
            return BatchReply(text, reply.finished())
        return BatchReply(error="the batch gave no complete answer to this request")
    error = read_error_body(result.get("error")).message if result.get("error") else ""
    return BatchReply(error=clean(error or f"the request was {result.get('type', 'not answered')}"))


def _object_in(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict | Mapping) else {}


def batch_names(names: Sequence[str]) -> tuple[list[str], str]:
    """Return names as a batch takes them, and what `names_of` needs to undo it: "" where they are taken as they are."""
    if all(_NAME.match(name) for name in names):
        return list(names), ""
    packed = base64.urlsafe_b64encode(json.dumps(list(names)).encode()).decode()
    return [f"request-{index}" for index in range(len(names))], packed


def names_of(packed: str) -> dict[str, str]:
    """Return the names of requests by what a batch calls them. Raise TaskError (config) for a broken id."""
    if not packed:
        return {}
    try:
        return {
            f"request-{index}": str(name) for index, name in enumerate(json.loads(base64.urlsafe_b64decode(packed)))
        }
    except (ValueError, binascii.Error, TypeError):
        raise TaskError("this is not the id of a batch of claude", category=Category.CONFIG) from None
