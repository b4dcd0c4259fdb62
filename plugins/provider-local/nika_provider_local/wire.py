"""Our requests in llama.cpp's words. Pure."""

from __future__ import annotations

from typing import Any, Final

from nika_core.plugin import DocumentPart, ModelRequest, Role
from nika_core.toolbox.providers import file_text

_SEED: Final = 1  # the same question gets the same answer


def body_of(request: ModelRequest) -> dict[str, Any]:
    """Return a chat completion's body."""
    messages: list[dict[str, str]] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    for message in request.messages:
        role = "user" if message.role is Role.TOOL else message.role.value
        texts = [file_text(part) for part in message.parts if isinstance(part, DocumentPart)]
        texts += [result.text for result in message.tool_results]
        messages.append({"role": role, "content": "\n\n".join([*texts, message.text] if message.text else texts)})
    body: dict[str, Any] = {
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": _SEED,
    }
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.output_schema:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "output", "schema": dict(request.output_schema)},
        }
    elif request.output_schema is not None:
        body["response_format"] = {"type": "json_object"}
    return body
