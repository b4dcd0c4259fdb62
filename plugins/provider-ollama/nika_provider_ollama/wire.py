"""Our requests in Ollama's words, and its replies in ours. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from nika_core.plugin import DocumentPart, ImagePart, Message, ModelRequest, Role, estimate_tokens
from nika_core.toolbox.providers import ChatReply, file_text, stop_reason, with_reasoning

_CONTEXT: Final = 4096  # what Ollama holds by default; it cuts what is longer without a word


def body_of(request: ModelRequest) -> dict[str, Any]:
    """Return the arguments of a chat.

    A schema is not sent beside tools: it would hold for the calls, too, and no tool would be called any more. The
    loop asks for the form in words then, and checks the answer in any case.
    """
    options: dict[str, Any] = {}
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    if request.temperature is not None:
        options["temperature"] = request.temperature
    context = _context_of(request)
    if context > _CONTEXT:
        options["num_ctx"] = context
    body: dict[str, Any] = {"model": request.model, "messages": _messages(request), "options": options}
    if request.effort:
        body["think"] = request.effort
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
    elif request.output_schema is not None:
        body["format"] = dict(request.output_schema) or "json"
    return body


def _context_of(request: ModelRequest) -> int:
    """Room for prompt and answer, with a third to spare since the count is an estimate, as a power of two."""
    needed = estimate_tokens(request) * 4 // 3 + (request.max_tokens or 0)
    return 1 << max(0, needed - 1).bit_length()


def _messages(request: ModelRequest) -> list[dict[str, Any]]:
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    found: list[dict[str, Any]] = []
    if request.system:
        found.append({"role": "system", "content": request.system})
    for message in request.messages:
        found.extend(_sent(message, names))
    return found


def _sent(message: Message, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a message in the words of the server, which wants each result of a tool in a message of its own."""
    if message.role is Role.TOOL:
        return [
            {
                "role": "tool",
                "content": f"Error: {result.text}" if result.is_error else result.text,
                "tool_name": names.get(result.call_id, ""),
            }
            for result in message.tool_results
        ]
    texts = [file_text(part) for part in message.parts if isinstance(part, DocumentPart)]
    sent: dict[str, Any] = {"role": message.role.value, "content": "\n\n".join([*texts, message.text])}
    images = [base64.b64encode(part.data).decode("ascii") for part in message.parts if isinstance(part, ImagePart)]
    if images:
        sent["images"] = images
    if message.tool_calls:
        sent["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments or {})}} for call in message.tool_calls
        ]
    return [with_reasoning(sent, message)]


class Reply(ChatReply):
    """Collects the parts of a stream."""

    _parts_of_reply: ClassVar[frozenset[str]] = frozenset({"message", "response"})

    def add(self, event: Mapping[str, Any]) -> str:
        """Take a part and return the text in it."""
        self.model = str(event.get("model") or self.model)
        message = event.get("message")
        if message is None and "response" in event:  # what `/api/generate` answers
            message = {"content": event["response"], "thinking": event.get("thinking")}
        self.begun = self.begun or isinstance(message, Mapping)
        text = self.message(message) if isinstance(message, Mapping) else ""
        reason = event.get("done_reason")
        if event.get("done") and (self.begun or stop_reason(str(reason)) != "end"):  # else it has answered nothing
            self.ended(reason)
            self.used(event)
        return text
