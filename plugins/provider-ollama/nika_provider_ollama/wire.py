"""Our requests in Ollama's words, and its replies in ours. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from nika_core.plugin import Finished, Message, ModelRequest, Role, ToolCall, Usage, estimate_tokens

_STOPS: Final = {"stop": "end", "length": "maxTokens"}
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
    found.extend(_message(message, names) for message in request.messages)
    return found


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    if message.role is Role.TOOL:
        content = f"Error: {message.content}" if message.is_error else message.content
        return {"role": "tool", "content": content, "tool_name": names.get(message.tool_call_id or "", "")}
    sent: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        sent["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments or {})}} for call in message.tool_calls
        ]
    return sent


class Reply:
    """Collects the parts of a stream."""

    def __init__(self, request: ModelRequest) -> None:
        self._model = request.model or ""
        self._turn = len(request.messages)  # Ollama gives calls no ids: ours differ from turn to turn
        self.complete = False
        self._reason: str | None = None
        self.usage: Usage | None = None
        self._calls: list[ToolCall] = []

    def add(self, part: Any) -> str:
        """Take a part and return the text in it."""
        self._model = part.model or self._model
        for call in part.message.tool_calls or ():
            arguments = dict(call.function.arguments or {})
            name = f"call_{self._turn}_{len(self._calls)}"
            self._calls.append(ToolCall(name, call.function.name, arguments, json.dumps(arguments, default=str)))
        if part.done:
            self.complete = True
            self._reason = part.done_reason
            self.usage = Usage(
                input_tokens=int(part.prompt_eval_count or 0), output_tokens=int(part.eval_count or 0), calls=1
            )
        return str(part.message.content or "")

    def finished(self) -> Finished:
        """Return the end of a complete reply."""
        stop = _STOPS.get(self._reason or "stop", self._reason or "end")
        if self._calls and stop == "end":
            stop = "toolUse"
        return Finished(stop, self.usage or Usage(calls=1), tuple(self._calls), self._model)
