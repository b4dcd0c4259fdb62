"""Our requests in OpenAI's words, and its replies in ours. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from nika_core.plugin import BatchReply, Finished, Message, ModelRequest, Role, ToolCall, Usage
from nika_core.toolbox.providers import clean, parsed_call

_STOPS: Final = {
    "stop": "end",
    "length": "maxTokens",
    "tool_calls": "toolUse",
    "function_call": "toolUse",
    "content_filter": "refusal",
}


def body_of(request: ModelRequest, *, official: bool) -> dict[str, Any]:
    """Return a chat completion's body. OpenAI wants `max_completion_tokens`, other servers often do not know it."""
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request)}
    if request.max_tokens is not None:
        body["max_completion_tokens" if official else "max_tokens"] = request.max_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
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


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if request.system:
        found.append({"role": "system", "content": request.system})
    found.extend(_message(message) for message in request.messages)
    return found


def _message(message: Message) -> dict[str, Any]:
    if message.role is Role.TOOL:
        content = f"Error: {message.content}" if message.is_error else message.content
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}
    if message.role is Role.ASSISTANT and message.tool_calls:
        return {
            "role": "assistant",
            "content": message.content or None,
            "tool_calls": [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call)}}
                for call in message.tool_calls
            ],
        }
    return {"role": message.role.value, "content": message.content}


def _arguments(call: ToolCall) -> str:
    """Servers parse them again: what was no JSON is sent as none."""
    return "{}" if call.arguments is None else json.dumps(dict(call.arguments), ensure_ascii=False)


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": schema, "strict": _is_strict(schema)},
    }


def _is_strict(schema: Any) -> bool:
    """Whether a schema has the form that `strict` asks for: every object closed, every property required."""
    if isinstance(schema, Mapping):
        if "properties" in schema or schema.get("type") == "object":
            properties = schema.get("properties", {})
            if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
                return False
        return all(_is_strict(value) for value in schema.values())
    if isinstance(schema, list):
        return all(_is_strict(value) for value in schema)
    return True


def usage_of(usage: Any) -> Usage:
    """`usage` as the SDK or a batch's line has it: an object or a mapping."""
    details = _get(usage, "prompt_tokens_details")
    return Usage(
        input_tokens=int(_get(usage, "prompt_tokens") or 0),
        output_tokens=int(_get(usage, "completion_tokens") or 0),
        cached_tokens=int(_get(details, "cached_tokens") or 0),
        calls=1,
    )


class Reply:
    """Collects the chunks of a stream."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.stop: str | None = None
        self.usage: Usage | None = None
        self.refused = False
        self._calls: dict[int, dict[str, str]] = {}

    @property
    def complete(self) -> bool:
        """Whether the reply has ended."""
        return self.stop is not None

    def add(self, chunk: Any) -> str:
        """Take a chunk and return the text in it."""
        self.model = getattr(chunk, "model", None) or self.model
        if getattr(chunk, "usage", None) is not None:
            self.usage = usage_of(chunk.usage)
        choices = getattr(chunk, "choices", None) or ()
        if not choices:
            return ""
        choice = choices[0]
        self.stop = getattr(choice, "finish_reason", None) or self.stop
        delta = getattr(choice, "delta", None)
        if delta is None:
            return ""
        for part in getattr(delta, "tool_calls", None) or ():
            self._add_call(part)
        refusal = getattr(delta, "refusal", None) or ""
        self.refused = self.refused or bool(refusal)
        return (getattr(delta, "content", None) or "") + refusal

    def _add_call(self, part: Any) -> None:
        # Some servers send whole calls without an index.
        index = part.index if getattr(part, "index", None) is not None else len(self._calls)
        call = self._calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        call["id"] = part.id or call["id"]
        function = getattr(part, "function", None)
        if function is not None:
            call["name"] += function.name or ""
            call["arguments"] += function.arguments or ""

    def finished(self) -> Finished:
        """Return the end of a complete reply."""
        calls = tuple(
            parsed_call(call["id"] or f"call_{index}", call["name"], call["arguments"])
            for index, call in sorted(self._calls.items())
        )
        return Finished(_stop(self.stop, calls, self.refused), self.usage or Usage(calls=1), calls, self.model)


def _stop(reason: str | None, calls: tuple[ToolCall, ...], refused: bool) -> str:
    if refused:
        return "refusal"
    stop = _STOPS.get(reason or "", reason or "end")
    return "toolUse" if calls and stop == "end" else stop


def batch_line(name: str, request: ModelRequest, *, official: bool) -> str:
    """One line of a batch's file."""
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


def batch_reply(line: Mapping[str, Any]) -> BatchReply:
    """One line of a batch's result."""
    response = line.get("response") or {}
    body = response.get("body") or {}
    error = line.get("error") or body.get("error")
    if error or int(response.get("status_code") or 0) >= 400 or not body.get("choices"):
        message = error.get("message") if isinstance(error, Mapping) else error
        return BatchReply(error=clean(str(message or "the batch gave no answer to this request")))
    choice = body["choices"][0]
    message = choice.get("message") or {}
    calls = tuple(
        parsed_call(call.get("id") or f"call_{index}", call["function"]["name"], call["function"]["arguments"] or "")
        for index, call in enumerate(message.get("tool_calls") or ())
    )
    refusal = message.get("refusal") or ""
    end = Finished(
        _stop(choice.get("finish_reason"), calls, bool(refusal)),
        usage_of(body.get("usage") or {}),
        calls,
        str(body.get("model", "")),
    )
    return BatchReply((message.get("content") or "") + refusal, end)


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
