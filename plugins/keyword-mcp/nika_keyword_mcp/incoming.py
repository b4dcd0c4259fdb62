"""The lines of a server over stdio, as messages: which request each one answers, and what of them is not an answer."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Final

from mcp_types import INVALID_REQUEST, METHOD_NOT_FOUND

from nika_keyword_mcp import wire
from nika_keyword_mcp.wire import JsonRpc

_PRINTS: Final = 4  # lines that are no message, and are kept for an error


class Incoming:
    """Knows the requests that wait for an answer."""

    def __init__(self) -> None:
        self._waiting: dict[int | str, str] = {}  # the method of each request
        self._known: set[int | str] = set()  # every request so far: an answer to one of these is late
        self._notified = 0  # notifications that the server may wrongly answer
        self._begun = ""  # lines of a message that is spread over several
        self._orphans: list[JsonRpc] = []  # answers that name no request of ours
        self._prints: deque[str] = deque(maxlen=_PRINTS)

    @property
    def unclear(self) -> bool:
        """Whether an answer came which names no request of ours, and a request waits that it may be for."""
        return bool(self._orphans) and 0 < len(self._waiting) <= len(self._orphans)

    def prints(self) -> str:
        """Return the last lines that held no message since the last one that did."""
        return wire.cut(" | ".join(self._prints))

    def sent(self, message: JsonRpc) -> None:
        """Note what is sent to the server."""
        method = message.get("method")
        if message.get("id") is not None and isinstance(method, str):
            self._waiting[message["id"]] = method
            self._known.add(message["id"])
            return
        self._notified += 1
        if method == "notifications/cancelled":
            self._waiting.pop((message.get("params") or {}).get("requestId", ""), None)

    def read(self, line: str) -> list[JsonRpc]:
        """Return the messages that a line, or the lines up to it, hold. Prints of the server are kept for `prints`."""
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
        if any(wire.is_answer(one) for one in messages):
            self._prints.clear()
        elif not found and line.strip():
            self._prints.append(" ".join(line[: wire.SHOWN].split()))
        if not self._waiting:
            self._orphans.clear()
        return messages

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
        method = self._waiting.get(request) if request is not None else None
        if request is not None and method is not None:
            return [self._settled(request, wire.answer(request, method, message))]
        if request in self._known:
            return []  # late, or said twice
        if message.get("error") is None and not ("jsonrpc" in message and "result" in message):
            return []
        if request is None and self._notified and _refuses_or_confirms(message):
            self._notified -= 1  # some servers answer notifications
            return []
        self._orphans.append(message)
        return []

    def _settled(self, request: Any, message: JsonRpc) -> JsonRpc:
        self._waiting.pop(request, None)
        return message

    def settle(self) -> list[JsonRpc]:
        """Return the answers for the requests that wait while nothing better comes than answers that name none of
        them: one without an id is taken for the answer, one with another id fails the request.
        """
        if not self.unclear:
            return []
        pairs = list(zip(list(self._waiting.items()), self._orphans, strict=False))
        self._orphans.clear()
        return [
            self._settled(
                request,
                wire.answer(request, method, message)
                if wire.id_of(message) is None
                else wire.of_another_request(request, message),
            )
            for (request, method), message in pairs
        ]


def _refuses_or_confirms(message: JsonRpc) -> bool:
    error = message.get("error")
    if error is None:
        return not message.get("result")
    return isinstance(error, dict) and error.get("code") in (METHOD_NOT_FOUND, INVALID_REQUEST)


def as_sent(message: Any) -> tuple[JsonRpc, bytes]:
    """Return a message of the SDK as JSON, and as the line for it."""
    sent = message.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return sent, json.dumps(sent, separators=(",", ":")).encode("ascii") + b"\n"
