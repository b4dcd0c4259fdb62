"""Our requests in OpenAI's words, and its replies in ours. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from nika_core.plugin import (
    BatchReply,
    DocumentPart,
    ImagePart,
    Message,
    ModelRequest,
    Part,
    Role,
    TextPart,
    ToolCall,
)
from nika_core.toolbox.providers import ChatReply, batch_reply_of, data_url, file_text, with_reasoning
from nika_provider_openai.labels import metadata_of


def body_of(request: ModelRequest, *, official: bool, left_out: Container[str] = ()) -> dict[str, Any]:
    """Return a chat completion's body. OpenAI wants `max_completion_tokens`, other servers often do not know it.

    Args:
        left_out: fields that the server does not take. It is asked for a schema in words then.
    """
    if request.output_schema is not None and "response_format" in left_out:
        request = asked_in_words(request)
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request, left_out)}
    if request.max_tokens is not None:  # one of both is always sent: budgets rely on it
        newer = "max_tokens" in left_out or (official and "max_completion_tokens" not in left_out)
        body["max_completion_tokens" if newer else "max_tokens"] = request.max_tokens
    if request.temperature is not None and "temperature" not in left_out:
        body["temperature"] = request.temperature
    if request.effort and "reasoning_effort" not in left_out:
        body["reasoning_effort"] = request.effort
    # OpenAI's own Chat Completions takes labels only of what it is to store.
    if not official and "metadata" not in left_out and (metadata := metadata_of(request)):
        body["metadata"] = metadata
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.parameters),
                },
            }
            for tool in request.tools
        ]
    if request.output_schema is not None:
        body["response_format"] = _response_format(dict(request.output_schema))
    return body


def asked_in_words(request: ModelRequest) -> ModelRequest:
    """Return the request with the schema in words, for a server that has no native way."""
    wish = "Answer with one JSON value and nothing else."
    if request.output_schema:
        schema = json.dumps(dict(request.output_schema), ensure_ascii=False)
        wish = f"Answer with one JSON value that fits this JSON Schema, and nothing else:\n{schema}"
    return replace(request, output_schema=None, system="\n\n".join(part for part in (request.system, wish) if part))


def _messages(request: ModelRequest, left_out: Container[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if request.system:
        found.append({"role": "system", "content": request.system})
    for message in request.messages:
        found.extend(_sent(message, left_out))
    return found


def _sent(message: Message, left_out: Container[str]) -> list[dict[str, Any]]:
    """Return a message in the words of the server, which wants each result of a tool in a message of its own."""
    if message.role is Role.TOOL:
        return [
            {
                "role": "tool",
                "tool_call_id": result.call_id,
                "content": f"Error: {result.text}" if result.is_error else result.text,
            }
            for result in message.tool_results
        ]
    if message.role is Role.ASSISTANT and message.tool_calls:
        sent = {
            "role": "assistant",
            "content": message.text or None,
            "tool_calls": [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call)}}
                for call in message.tool_calls
            ],
        }
        return [with_reasoning(sent, message, left_out)]
    return [{"role": message.role.value, "content": _content(message)}]


def _content(message: Message) -> str | list[dict[str, Any]]:
    """Return a text, or a list of parts if there are files among them."""
    if not any(isinstance(part, ImagePart | DocumentPart) for part in message.parts):
        return message.text
    return [content for part in message.parts if (content := _part(part)) is not None]


def _part(part: Part) -> dict[str, Any] | None:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            return {"type": "image_url", "image_url": {"url": data_url(part.media_type, part.data)}}
        case DocumentPart(media_type="text/plain"):
            return {"type": "text", "text": file_text(part)}
        case DocumentPart():
            file = {"filename": part.name or "document.pdf", "file_data": data_url(part.media_type, part.data)}
            return {"type": "file", "file": file}
    return None


def _arguments(call: ToolCall) -> str:
    """Servers parse them again: what was not JSON is sent as none."""
    return "{}" if call.arguments is None else json.dumps(dict(call.arguments), ensure_ascii=False)


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": schema, "strict": is_strict(schema)},
    }


def is_strict(schema: Any) -> bool:
    """Return whether a schema has the form that `strict` asks for: every object closed, every property required."""
    if isinstance(schema, Mapping):
        if "properties" in schema or schema.get("type") == "object":
            properties = schema.get("properties", {})
            if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
                return False
        return all(is_strict(value) for value in schema.values())
    if isinstance(schema, list):
        return all(is_strict(value) for value in schema)
    return True


def batch_line(name: str, request: ModelRequest, *, official: bool) -> str:
    """Return one line of a batch's file."""
    line = {
        "custom_id": name,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body_of(request, official=official),
    }
    return json.dumps(line, ensure_ascii=False)


def batch_mark(names: Iterable[str]) -> str:
    """Return what distinguishes a batch from all others, short enough for its metadata."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def batch_reply(line: Mapping[str, Any], request: ModelRequest) -> BatchReply:
    """Return one line of a batch's result."""
    response = line.get("response")
    response = response if isinstance(response, Mapping) else {}
    error = line.get("error")
    return batch_reply_of({"error": error} if error else response.get("body"), ChatReply(request))
