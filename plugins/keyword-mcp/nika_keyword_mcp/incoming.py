"""The lines of a server over stdio, as messages: which request each one answers, and what of them is no answer."""

from __future__ import annotations

import json
from typing import Any

from nika_keyword_mcp import wire
from nika_keyword_mcp.wire import JsonRpc


class Incoming:
    """Knows the requests that wait for an answer."""

    def __init__(self) -> None:
        self._waiting: dict[int | str, str] = {}  # the method of each request
        self._begun = ""  # lines of a message that is spread over several
        self._orphans: list[JsonRpc] = []  # answers that name no request

    def sent(self, message: JsonRpc) -> None:
        """Note what is sent to the server."""
        method = message.get("method")
        if message.get("id") is not None and isinstance(method, str):
            self._waiting[message["id"]] = method
        elif method == "notifications/cancelled":
            self._waiting.pop((message.get("params") or {}).get("requestId", ""), None)

    def read(self, line: str) -> list[JsonRpc]:
        """Return the messages that a line, or the lines up to it, hold. Prints of the server are skipped."""
        found = wire.messages(line)
        if found:
            self._begun = ""
        else:
            found = self._continued(line)
        messages: list[JsonRpc] = []
        for one in found:
            messages += self._answers(one) if wire.is_answer(one) else [wire.forwarded(one)]
        if not found and (broken := wire.id_in(line)) in self._waiting:
            messages.append(self._settled(broken, wire.unreadable(broken, line)))
        return messages + self._unnamed()

    def _continued(self, line: str) -> list[JsonRpc]:
        """Return the messages of an object over several lines, once its last one came."""
        if not self._begun and line.strip() not in ("{", "["):
            return []
        self._begun += line + "\n"
        if len(self._begun) > wire.MAX_MESSAGE:
            self._begun = ""
        if not line.startswith(("}", "]")):
            return []
        text, self._begun = self._begun, ""
        return wire.messages(text)

    def _answers(self, message: JsonRpc) -> list[JsonRpc]:
        request = wire.id_of(message)
        if request is None and (message.get("error") is not None or ("jsonrpc" in message and "result" in message)):
            self._orphans.append(message)
            return []
        method = self._waiting.get(request) if request is not None else None
        if request is None or method is None:
            return []  # late, or said twice
        return [self._settled(request, wire.answer(request, method, message))]

    def _settled(self, request: Any, message: JsonRpc) -> JsonRpc:
        self._waiting.pop(request, None)
        return message

    def _unnamed(self) -> list[JsonRpc]:
        """Answers without an id answer the requests that are left once nothing else can."""
        if not self._orphans or len(self._waiting) > len(self._orphans):
            return []
        pairs = list(zip(list(self._waiting.items()), self._orphans, strict=False))
        self._orphans.clear()
        return [self._settled(request, wire.answer(request, method, error)) for (request, method), error in pairs]


def as_sent(message: Any) -> tuple[JsonRpc, bytes]:
    """Return a message of the SDK as JSON, and as the line for it."""
    sent = message.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return sent, json.dumps(sent, separators=(",", ":")).encode("ascii") + b"\n"
