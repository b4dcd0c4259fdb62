"""Our requests in Anthropic's words, and its replies in ours. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nika_core.plugin import BatchReply, Category, Finished, Message, ModelRequest, Role, TaskError, ToolCall, Usage
from nika_core.toolbox.providers import clean, parsed_call

DEFAULT_MAX_TOKENS: Final = 4096
_STOPS: Final = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "maxTokens",
    "model_context_window_exceeded": "maxTokens",
    "tool_use": "toolUse",
    "refusal": "refusal",
}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
Transform = Callable[[dict[str, Any]], dict[str, Any]]


def prompt_of(request: ModelRequest, transform: Transform) -> dict[str, Any]:
    """Return what is counted as the prompt: model, system, messages, tools and the schema of the answer."""
    system = request.system
    body: dict[str, Any] = {"model": request.model, "messages": _turns(request.messages)}
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": _object(tool.parameters)}
            for tool in request.tools
        ]
    if request.output_schema is not None:
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


def body_of(request: ModelRequest, transform: Transform) -> dict[str, Any]:
    """Return a message's body. Anthropic wants `max_tokens` always."""
    return {**prompt_of(request, transform), "max_tokens": request.max_tokens or DEFAULT_MAX_TOKENS}


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
    if message.role is Role.TOOL:
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id}
        if message.content.strip():
            block["content"] = message.content
        if message.is_error:
            block["is_error"] = True
        return [block]
    blocks: list[dict[str, Any]] = []
    if message.content.strip():  # a block of white space is refused
        blocks.append({"type": "text", "text": message.content})
    blocks.extend(
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments or {})}
        for call in message.tool_calls
    )
    return blocks


def usage_of(usage: Any, before: Usage | None = None) -> Usage:
    """Totals; what a later event does not tell keeps its value from `before`."""

    def number(name: str) -> int | None:
        value = getattr(usage, name, None)
        return int(value) if value is not None else None

    read, written, fresh = (
        number(name) for name in ("cache_read_input_tokens", "cache_creation_input_tokens", "input_tokens")
    )
    known = before or Usage(calls=1)
    tokens = (fresh or 0) + (read or 0) + (written or 0)
    return Usage(
        input_tokens=tokens if fresh is not None and tokens else known.input_tokens,
        output_tokens=number("output_tokens") or known.output_tokens,
        cached_tokens=read if read is not None else known.cached_tokens,
        calls=1,
    )


class Reply:
    """Collects the events of a stream."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.stop: str | None = None
        self.usage: Usage | None = None
        self._calls: dict[int, tuple[str, str, list[str]]] = {}

    @property
    def complete(self) -> bool:
        """Whether the reply has ended."""
        return self.stop is not None

    def add(self, event: Any) -> str:
        """Take an event and return the text in it."""
        match event.type:
            case "message_start":
                self.model = event.message.model or self.model
                self.usage = usage_of(event.message.usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                block = event.content_block
                given = [json.dumps(block.input)] if getattr(block, "input", None) else []
                self._calls[event.index] = (block.id, block.name, given)
            case "content_block_start" if event.content_block.type == "text":
                return str(event.content_block.text or "")
            case "content_block_delta" if event.delta.type == "text_delta":
                return str(event.delta.text)
            case "content_block_delta" if event.delta.type == "input_json_delta":
                if event.index in self._calls:
                    self._calls[event.index][2].append(event.delta.partial_json)
            case "message_delta":
                self.stop = event.delta.stop_reason or self.stop
                self.usage = usage_of(event.usage, self.usage)
        return ""

    def finished(self) -> Finished:
        """Return the end of a complete reply."""
        calls = tuple(parsed_call(call, name, "".join(parts)) for call, name, parts in self._calls.values())
        return Finished(_STOPS.get(self.stop or "", self.stop or ""), self.usage or Usage(calls=1), calls, self.model)


def batch_reply(result: Any) -> BatchReply:
    """One result of a batch."""
    if result.type != "succeeded":
        error = getattr(getattr(getattr(result, "error", None), "error", None), "message", None)
        return BatchReply(error=clean(str(error or f"the request was {result.type}")))
    message = result.message
    text = "".join(block.text for block in message.content if block.type == "text")
    calls = tuple(
        ToolCall(block.id, block.name, dict(block.input), json.dumps(block.input))
        for block in message.content
        if block.type == "tool_use"
    )
    stop = _STOPS.get(message.stop_reason or "", message.stop_reason or "end")
    return BatchReply(text, Finished(stop, usage_of(message.usage), calls, message.model))


def batch_names(names: Sequence[str]) -> tuple[list[str], str]:
    """Names as a batch takes them, and what `names_of` needs to undo it: "" where they are taken as they are."""
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
