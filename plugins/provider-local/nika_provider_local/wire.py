"""Our requests in llama.cpp's words, and its chunks in ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.plugin import Category, Finished, ModelRequest, Role, TaskError, Usage
from nika_core.toolbox.providers import status_error

_STOPS: Final = {"stop": "end", "length": "maxTokens"}
_SEED: Final = 1  # the same question gets the same answer


def body_of(request: ModelRequest) -> dict[str, Any]:
    """Return a chat completion's body."""
    messages: list[dict[str, str]] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    for message in request.messages:
        role = "user" if message.role is Role.TOOL else message.role.value
        messages.append({"role": role, "content": message.content})
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


class Reply:
    """Collects the chunks of a stream."""

    def __init__(self, model: str) -> None:
        self._model = model
        self.stop: str | None = None
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """Whether the reply has ended."""
        return self.stop is not None

    def add(self, chunk: Mapping[str, Any]) -> str:
        """Take a chunk and return the text in it. Raise TaskError for a chunk that is an error."""
        error = chunk.get("error")
        if error is not None:
            raise error_of(error, self._model)
        usage = chunk.get("usage")
        if usage:
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            self.usage = Usage(
                input_tokens=int(usage["prompt_tokens"]),
                output_tokens=int(usage["completion_tokens"]),
                cached_tokens=int(cached),
                calls=1,
            )
        text = ""
        for choice in chunk.get("choices", ()):
            self.stop = choice.get("finish_reason") or self.stop
            text += choice.get("delta", {}).get("content") or ""
        return text

    def finished(self) -> Finished:
        """Return the end of a complete reply."""
        stop = _STOPS.get(self.stop or "", self.stop or "end")
        return Finished(stop, self.usage or Usage(calls=1), model=self._model)


def error_of(error: Any, model: str) -> TaskError:
    """Return the error for one of llama.cpp's."""
    if not isinstance(error, Mapping):
        return TaskError(f"the local model failed: {error}", category=Category.PROVIDER)
    status = int(error.get("code") or 500)
    return status_error("local", status, str(error.get("message", "")), {}, model=model)
