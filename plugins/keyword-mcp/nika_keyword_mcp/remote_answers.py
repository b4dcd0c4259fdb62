"""What the answer to a request over HTTP holds: messages in any form, or why the server refuses.

Everything becomes events with valid messages, which the SDK reads; whatever a server does, the last one is the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpcore2
import httpx2
from mcp_types import METHOD_NOT_FOUND

from nika_core.plugin import Category, TaskError
from nika_core.toolbox.providers import retry_after_of
from nika_keyword_mcp import wire
from nika_keyword_mcp.event_stream import Form, NotEventsError, form_of, whole_events
from nika_keyword_mcp.wire import Failure, JsonRpc

STREAM: Final = "text/event-stream"
BROKEN: Final = (httpx2.HTTPError, httpx2.StreamError, httpcore2.NetworkError, httpcore2.ProtocolError, OSError)
_MAX_REASON: Final = 65_536  # bytes of a refusal that are read
_BEGINNING: Final = 4096  # bytes of a body that tell its form
_WORDS_SECONDS: Final = 2.0  # for the rest of a page or of a refusal, whose first words may say nothing
_ALIVE: Final = ("ping", "keep", "heartbeat")  # events that keep a connection open
_FORGOTTEN: Final = re.compile(  # from its beginning: an error of a tool may speak of sessions, too
    r"(bad request: *)?(the |your |this |mcp )*((no valid|unknown|invalid|expired) (mcp )?session|"
    r"session( id)?\b.{0,80}?(not found|unknown|invalid|expired|not exist|no longer|terminated))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request for which there must be an answer.

    Attributes:
        call: the key of the call of a tool that it is; what comes in its answer belongs to that call.
    """

    id: int
    method: str
    call: str | None
    in_session: bool


class EventBytes(httpx2.AsyncByteStream):
    """Events as the body of a response; closing it closes the server's, if that is given."""

    def __init__(self, events: AsyncIterator[bytes], response: httpx2.Response | None = None) -> None:
        self._events = events
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            yield event

    async def aclose(self) -> None:
        if self._response is not None:
            await self._response.aclose()


def answered(response: httpx2.Response, asked: SentRequest, junk: wire.Junk) -> httpx2.Response:
    """Return the messages of a response, up to the answer. `junk` is told what comes that is not a message."""
    headers = {"content-type": STREAM}
    if "mcp-session-id" in response.headers:
        headers["mcp-session-id"] = response.headers["mcp-session-id"]
    return httpx2.Response(200, headers=headers, stream=EventBytes(_repaired(response, asked, junk), response))


def heard(response: httpx2.Response) -> httpx2.Response:
    """Return the server's own requests and notifications in a response."""
    return httpx2.Response(200, headers={"content-type": STREAM}, stream=EventBytes(_heard(response), response))


def not_sent(asked: SentRequest, error: TaskError) -> httpx2.Response:
    """Return the answer to a request that was not allowed to be sent."""
    failure = Failure(error.message, error.category.value, error.code, error.hint, error.retry_after, error.retriable)
    return _answer(wire.failed(asked.id, failure))


def broken(asked: SentRequest, error: BaseException) -> httpx2.Response:
    """Return the answer to a request whose connection broke."""
    return _answer(wire.failed(asked.id, _broken(error)))


def _answer(message: JsonRpc) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": STREAM}, content=_event(message))


def _event(message: JsonRpc | None, sent: httpx2.ServerSentEvent | None = None) -> bytes:
    fields = []
    if sent is not None and sent.id:
        fields.append(f"id: {sent.id}")
    if sent is not None and sent.retry is not None:
        fields.append(f"retry: {sent.retry}")
    fields.append(f"data: {json.dumps(message) if message is not None else ''}")
    return ("\n".join(fields) + "\n\n").encode()


async def _repaired(response: httpx2.Response, asked: SentRequest, junk: wire.Junk) -> AsyncIterator[bytes]:
    """Yield the messages of an answer, in either form, up to the answer itself."""
    resumable, junk.text = False, ""
    body = response.aiter_bytes()
    try:
        begun, form = await _form(body)
        if form is Form.EVENTS or (not begun and is_stream(response)):
            try:
                async for sent in _sent(response, whole_events(begun, body)):
                    resumable = resumable or bool(sent.id)
                    found = _events(sent.data, asked)
                    if not found and sent.data.strip() and not sent.event.startswith(_ALIVE):
                        junk.text = wire.reason_in_text(sent.data)
                        if sent.event == "error":
                            reason = f"the server sent an error: {junk.text}"
                            yield _event(wire.failed(asked.id, Failure(reason, retriable=False)))
                            return
                    for message, last in found:
                        yield _event(message, sent)
                        if last:
                            return
                    if not sent.data and (sent.id or sent.retry is not None):
                        yield _event(None, sent)
                if not resumable:  # else the SDK asks for the rest
                    words = f"; it sent: {junk.text}" if junk.text else ""
                    yield _event(wire.failed(asked.id, _gone(f"the server ended its answer before the result{words}")))
                return
            except NotEventsError as error:
                begun = error.data
        text = await _text(body, wire.MAX_MESSAGE, begun)
        for message, last in _events(text, asked):
            yield _event(message)
            if last:
                return
        yield _event(wire.failed(asked.id, _no_message(response, text)))
    except BROKEN as error:
        if not resumable:
            yield _event(wire.failed(asked.id, _broken(error)))


def is_stream(response: httpx2.Response) -> bool:
    """Return whether a response says that it is a stream of events."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower() == STREAM


async def _form(body: AsyncIterator[bytes]) -> tuple[bytes, Form]:
    """Return the beginning of a body, and its form."""
    begun = b""
    async for data in body:
        begun += data
        form = form_of(begun)
        if form is not None:
            return begun, form
    return begun, form_of(begun + b"\n") or Form.TEXT


def _sent(response: httpx2.Response, events: AsyncIterator[bytes]) -> AsyncIterator[httpx2.ServerSentEvent]:
    stream = httpx2.Response(200, headers={"content-type": STREAM}, stream=EventBytes(events), request=response.request)
    return aiter(httpx2.EventSource(stream, max_event_size=wire.MAX_MESSAGE))


def _events(data: str, asked: SentRequest) -> list[tuple[JsonRpc, bool]]:
    """Return the messages in a text, and for each whether it is the answer that ends the request."""
    found: list[tuple[JsonRpc, bool]] = []
    messages = wire.messages(data)
    for one in messages:
        if not wire.is_answer(one):
            found.append((wire.forwarded(one, asked.call), False))
        elif wire.id_of(one) in (asked.id, None):
            said = wire.reason_in(one["error"]) if one.get("error") else ""
            if asked.in_session and _FORGOTTEN.match(said):
                return [*found, (wire.failed(asked.id, _forgotten(said)), True)]
            return [*found, (wire.answer(asked.id, asked.method, one), True)]
        else:
            return [*found, (wire.of_another_request(asked.id, one), True)]
    if not messages and wire.id_in(data) is not None:
        found.append((wire.unreadable(asked.id, data), True))
    return found


async def _heard(response: httpx2.Response) -> AsyncIterator[bytes]:
    """Yield the server's own requests and notifications."""
    with contextlib.suppress(NotEventsError):  # nothing more is heard
        async for sent in _sent(response, whole_events(b"", response.aiter_bytes())):
            for one in wire.messages(sent.data):
                if not wire.is_answer(one):
                    yield _event(wire.forwarded(one), sent)


async def _text(body: AsyncIterator[bytes], limit: int, begun: bytes = b"", *, seconds: float | None = None) -> str:
    """Return a body, or what of it comes within some seconds. A server may keep the connection open: a message is
    whole when it can be read, and of what cannot become one only as much is read as comes soon.
    """
    kept = bytearray(begun)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds) as soon:
            while not _is_whole(kept) and len(kept) <= limit:
                if seconds is None and soon.when() is None and form_of(bytes(kept[:_BEGINNING])) is Form.TEXT:
                    soon.reschedule(asyncio.get_running_loop().time() + _WORDS_SECONDS)
                data = await anext(body, None)
                if data is None:
                    break
                kept += data
    return bytes(kept[:limit]).decode("utf-8", "replace")


def _is_whole(kept: bytearray) -> bool:
    """Return whether a body is whole although the connection stays open."""
    return (
        kept.endswith((b"}", b"]"))
        and len(kept) <= wire.LARGEST_UNENDED
        and wire.is_json(kept.decode("utf-8", "replace"))
    )


def _no_message(response: httpx2.Response, text: str) -> Failure:
    kind = response.headers.get("content-type") or "no content type"
    said = wire.reason_in_text(text)
    if response.status_code == HTTPStatus.ACCEPTED and not said:
        said = "it accepted the request (202), and promised no answer"
    return Failure(
        f"the server's answer is not a message of MCP ({kind}): {said or 'it is empty'}",
        hint="check the url: it must be the streamable HTTP endpoint, which often ends in /mcp",
        retriable=False,
    )


async def refused(response: httpx2.Response, asked: SentRequest) -> httpx2.Response:
    """Return the answer to a request that a server refused by its status."""
    try:
        text = await _text(response.aiter_bytes(), _MAX_REASON, seconds=_WORDS_SECONDS)
    except BROKEN:
        text = ""
    finally:
        await response.aclose()
    status = response.status_code
    errors = [one for one in wire.messages(text) if isinstance(one.get("error"), dict)]
    said = wire.reason_in(errors[0]["error"]) if errors else wire.reason_in_text(text)
    unknown_method = bool(errors) and errors[0]["error"].get("code") == METHOD_NOT_FOUND
    gone = (status in (404, 410) and not unknown_method) or (status == 400 and "session" in said.lower())
    if asked.in_session and (gone or _FORGOTTEN.match(said)):
        return _answer(wire.failed(asked.id, _forgotten(f"{_status(response)}{f': {said}' if said else ''}")))
    if errors and status not in (401, 403, 408, 429, 502, 503, 504):
        return _answer(wire.answer(asked.id, "", errors[0]))
    error = errors[0]["error"] if errors else None
    return _answer(wire.failed(asked.id, _refusal(response, said), error))


def _forgotten(said: str) -> Failure:
    reason = f"the server has forgotten the session: {wire.cut(said)}"
    return Failure(reason, Category.NETWORK.value, forgotten=True)


def _status(response: httpx2.Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".strip()


def _refusal(response: httpx2.Response, said: str) -> Failure:
    status = response.status_code
    wait = retry_after_of(response.headers)
    reason = _status(response) + (f": {wire.cut(said)}" if said else "")
    if status in (401, 403, 407):
        return Failure(reason, Category.CONFIG.value, hint="check its headers")
    if status in (404, 405, 406, 410, 415):
        hint = "check the url: it must be the streamable HTTP endpoint, which often ends in /mcp"
        return Failure(reason, Category.CONFIG.value, hint=hint)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Failure(reason, Category.RATE_LIMIT.value, retry_after=wait)
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return Failure(reason, Category.TIMEOUT.value)
    if status in (409, 425) or status >= 500:
        return Failure(reason, Category.NETWORK.value, retry_after=wait)
    return Failure(reason, retriable=False)


def _gone(reason: str) -> Failure:
    return Failure(reason, Category.NETWORK.value)


def _broken(error: BaseException) -> Failure:
    """Return what happened to a connection: the system's own error says it best."""
    if isinstance(error, httpx2.DecodingError):
        return Failure(f"the server's answer cannot be read: {wire.cut(str(error))}", retriable=False)
    said = ""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno and not isinstance(seen, ssl.SSLError):
            said = os.strerror(seen.errno) if seen.errno > 0 else str(seen.strerror)
        else:
            said = getattr(seen, "verify_message", "") or said or str(seen)
        seen = seen.exceptions[0] if isinstance(seen, BaseExceptionGroup) else seen.__cause__ or seen.__context__
    reason = f"the connection failed: {wire.cut(said) or type(error).__name__}"
    return Failure(reason, Category.NETWORK.value, hint="check that the server runs, and that its url is right")
