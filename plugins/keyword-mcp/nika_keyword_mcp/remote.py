"""A server that is called over streamable HTTP: its answers, made valid for the SDK, and why it refused a request.

Whatever happens to one request is the answer to that request, and never the end of the session.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any, Final

import httpcore2
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp_types import METHOD_NOT_FOUND

from nika_core.plugin import Category, TaskError
from nika_core.toolbox.providers import retry_after_of
from nika_keyword_mcp import wire
from nika_keyword_mcp.servers import Server
from nika_keyword_mcp.wire import Failure, JsonRpc

_CONNECT_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 2.0  # for the server to confirm the end of a session
_MAX_REASON: Final = 65_536  # bytes of a refusal that are read
_ALIVE: Final = ("ping", "keep", "heartbeat")  # events that keep a connection open
_STREAM: Final = "text/event-stream"
_BROKEN: Final = (httpx2.HTTPError, httpx2.StreamError, httpcore2.NetworkError, httpcore2.ProtocolError, OSError)


async def streams(server: Server, guarded: httpx2.AsyncClient, stack: AsyncExitStack) -> Any:
    """Return the SDK's transport over a guarded client: no proxies, no redirects to elsewhere. Raise TaskError."""
    try:
        httpx2.URL(server.url)
        client = httpx2.AsyncClient(
            headers=dict(server.headers),
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),  # the attempt's own timeout ends a call
            trust_env=False,
            transport=_Repairing(guarded),
        )
    except (httpx2.InvalidURL, ValueError) as error:  # a UnicodeError is a ValueError
        raise TaskError(
            f"the MCP server '{server.name}' has a url or headers that cannot be used: {error}",
            category=Category.CONFIG,
        ) from None
    await stack.enter_async_context(client)
    return streamable_http_client(server.url, http_client=client, max_sse_event_size=wire.MAX_MESSAGE)


class _Repairing(httpx2.AsyncBaseTransport):
    """Sends what the SDK asks for, and returns to it nothing but streams of valid messages."""

    def __init__(self, guarded: httpx2.AsyncClient) -> None:
        self._guarded = guarded

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return await self._listened(request)
        if request.method != "POST":
            return await self._closed(request)
        body = json.loads(await request.aread())
        asked, method, call = body.get("id"), body.get("method"), _call_of(body)
        if asked is None or method is None:
            return await self._told(request)
        try:
            response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
            if 300 <= response.status_code < 400:
                return await _redirect(response)
            if response.status_code >= 400:
                return await _refused(request, response, asked)
        except TaskError as error:  # the guard's
            return _answered(wire.failed(asked, _as_failure(error)))
        except _BROKEN as error:
            return _answered(wire.failed(asked, _broken(error)))
        headers = {"content-type": _STREAM}
        if "mcp-session-id" in response.headers:
            headers["mcp-session-id"] = response.headers["mcp-session-id"]
        return httpx2.Response(200, headers=headers, stream=_Events(_repaired(response, asked, method, call), response))

    async def _listened(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
        if response.status_code >= 300 or not _is_stream(response):
            return response
        return httpx2.Response(200, headers={"content-type": _STREAM}, stream=_Events(_heard(response), response))

    async def _told(self, request: httpx2.Request) -> httpx2.Response:
        """Send what has no answer: a server that refuses it shows so by what it answers next."""
        try:
            response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
            if 300 <= response.status_code < 400:
                return await _redirect(response)
            await response.aclose()
        except (TaskError, *_BROKEN):
            pass
        return httpx2.Response(202)

    async def _closed(self, request: httpx2.Request) -> httpx2.Response:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
                await response.aclose()
        except (TimeoutError, TaskError, *_BROKEN):
            pass
        return httpx2.Response(204)


class _Events(httpx2.AsyncByteStream):
    def __init__(self, events: AsyncIterator[bytes], response: httpx2.Response) -> None:
        self._events = events
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            yield event

    async def aclose(self) -> None:
        await self._response.aclose()


async def _redirect(response: httpx2.Response) -> httpx2.Response:
    """The SDK follows it on the same origin, or says where it leads."""
    await response.aclose()
    location = response.headers.get("location")
    return httpx2.Response(response.status_code, headers={"location": location} if location else {})


def _answered(message: JsonRpc) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": _STREAM}, content=_event(message))


def _event(message: JsonRpc | None, sent: httpx2.ServerSentEvent | None = None) -> bytes:
    fields = []
    if sent is not None and sent.id:
        fields.append(f"id: {sent.id}")
    if sent is not None and sent.retry is not None:
        fields.append(f"retry: {sent.retry}")
    fields.append(f"data: {json.dumps(message) if message is not None else ''}")
    return ("\n".join(fields) + "\n\n").encode()


def _is_stream(response: httpx2.Response) -> bool:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower() == _STREAM


def _call_of(body: JsonRpc) -> str | None:
    """Return the key of the call of a tool that a request is; what comes in its answer belongs to that call."""
    params = body.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta.get(wire.KEY) if isinstance(meta, dict) else None


async def _repaired(response: httpx2.Response, asked: int, method: str, call: str | None) -> AsyncIterator[bytes]:
    """The messages of an answer, in either form, up to the answer itself."""
    resumable, junk = False, ""
    try:
        if _is_stream(response):
            async for sent in httpx2.EventSource(response, max_event_size=wire.MAX_MESSAGE):
                resumable = resumable or bool(sent.id)
                found = _events(sent.data, asked, method, call)
                if not found and sent.data.strip() and not sent.event.startswith(_ALIVE):
                    junk = wire.reason_in_text(sent.data)
                    if sent.event == "error":
                        yield _event(wire.failed(asked, Failure(f"the server sent an error: {junk}", retriable=False)))
                        return
                for message, last in found:
                    yield _event(message, sent)
                    if last:
                        return
                if not sent.data and (sent.id or sent.retry is not None):
                    yield _event(None, sent)
            if not resumable:  # else the SDK asks for the rest
                words = f"; it sent: {junk}" if junk else ""
                yield _event(wire.failed(asked, _gone(f"the server ended its answer before the result{words}")))
            return
        text = await _text(response, wire.MAX_MESSAGE)
        for message, last in _events(text, asked, method, call):
            yield _event(message)
            if last:
                return
        yield _event(wire.failed(asked, _no_message(response, text)))
    except _BROKEN as error:
        if not resumable:
            yield _event(wire.failed(asked, _broken(error)))


def _events(data: str, asked: int, method: str, call: str | None) -> list[tuple[JsonRpc, bool]]:
    """The messages in a text, and for each whether it is the answer that ends the request."""
    found: list[tuple[JsonRpc, bool]] = []
    messages = wire.messages(data)
    for one in messages:
        if not wire.is_answer(one):
            found.append((wire.forwarded(one, call), False))
        elif wire.id_of(one) in (asked, None):
            return [*found, (wire.answer(asked, method, one), True)]
        else:
            shown = wire.cut(str(one.get("id")))
            reason = f"the server answered another request ({shown}) than the one that was sent ({asked})"
            return [*found, (wire.failed(asked, Failure(reason, retriable=False)), True)]
    if not messages and wire.id_in(data) is not None:
        found.append((wire.unreadable(asked, data), True))
    return found


async def _heard(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The server's own requests and notifications."""
    async for sent in httpx2.EventSource(response, max_event_size=wire.MAX_MESSAGE):
        for one in wire.messages(sent.data):
            if not wire.is_answer(one):
                yield _event(wire.forwarded(one), sent)


async def _text(response: httpx2.Response, limit: int) -> str:
    kept = bytearray()
    async for chunk in response.aiter_bytes():
        kept += chunk
        if len(kept) > limit or _is_whole(kept):
            break
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


async def _refused(request: httpx2.Request, response: httpx2.Response, asked: int) -> httpx2.Response:
    try:
        text = await _text(response, _MAX_REASON)
    except _BROKEN:
        text = ""
    finally:
        await response.aclose()
    status = response.status_code
    errors = [one for one in wire.messages(text) if isinstance(one.get("error"), dict)]
    said = wire.reason_in(errors[0]["error"]) if errors else wire.reason_in_text(text)
    in_session = "mcp-session-id" in request.headers
    unknown_method = bool(errors) and errors[0]["error"].get("code") == METHOD_NOT_FOUND
    if in_session and ((status in (404, 410) and not unknown_method) or (status == 400 and "session" in said.lower())):
        failure = Failure(
            f"the server has forgotten the session: {_status(response)}{f': {said}' if said else ''}",
            Category.NETWORK.value,
            forgotten=True,
        )
        return _answered(wire.failed(asked, failure))
    if errors and status not in (401, 403, 408, 429, 502, 503, 504):
        return _answered(wire.answer(asked, "", errors[0]))
    error = errors[0]["error"] if errors else None
    return _answered(wire.failed(asked, _refusal(response, said), error))


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


def _as_failure(error: TaskError) -> Failure:
    return Failure(error.message, error.category.value, error.code, error.hint, error.retry_after, error.retriable)


def _gone(reason: str) -> Failure:
    return Failure(reason, Category.NETWORK.value)


def _broken(error: BaseException) -> Failure:
    """What happened to a connection: the system's own error says it best."""
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
    return _gone(f"the connection failed: {wire.cut(said) or type(error).__name__}")
