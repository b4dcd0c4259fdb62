"""A server that is called over streamable HTTP: its answers, made valid for the SDK, and why it refused a request.

Whatever happens to one request is the answer to that request, and never the end of the session.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx2
from mcp.client.streamable_http import streamable_http_client

from nika_core.plugin import Category, TaskError
from nika_keyword_mcp import remote_answers, wire
from nika_keyword_mcp.remote_answers import BROKEN, SentRequest
from nika_keyword_mcp.servers import FILE, SECTION, Server, is_url
from nika_keyword_mcp.wire import JsonRpc

_CONNECT_SECONDS: Final = 30.0
_CLOSE_SECONDS: Final = 2.0  # for the server to confirm the end of a session


async def streams(server: Server, guarded: httpx2.AsyncClient, stack: AsyncExitStack, junk: wire.Junk) -> Any:
    """Return the SDK's transport over a guarded client: no proxies, no redirects to elsewhere. Raise TaskError.

    Args:
        junk: is told what comes that is not a message.
    """
    try:
        if not is_url(server.url):  # what a variable stands for is known only now
            raise ValueError("the url is not one such as https://example.com/mcp")
        httpx2.URL(server.url)
        client = httpx2.AsyncClient(
            headers=dict(server.headers),
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),  # the attempt's own timeout ends a call
            trust_env=False,
            transport=_Repairing(guarded, junk),
        )
    except (httpx2.InvalidURL, ValueError) as error:  # a UnicodeError is a ValueError
        raise TaskError(
            f"the MCP server '{server.name}' has a url or headers that cannot be used: {error}",
            category=Category.CONFIG,
            hint=f"correct them under `{SECTION}` or in {FILE}, and the variables that stand in them",
        ) from None
    await stack.enter_async_context(client)
    return streamable_http_client(server.url, http_client=client, max_sse_event_size=wire.MAX_MESSAGE)


class _Repairing(httpx2.AsyncBaseTransport):
    """Sends what the SDK asks for, and returns to it nothing but streams of valid messages."""

    def __init__(self, guarded: httpx2.AsyncClient, junk: wire.Junk) -> None:
        self._guarded = guarded
        self._junk = junk

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return await self._listened(request)
        if request.method != "POST":
            return await self._closed(request)
        body = json.loads(await request.aread())
        if body.get("id") is None or body.get("method") is None:
            return await self._told(request)
        asked = SentRequest(body["id"], body["method"], _call_of(body), "mcp-session-id" in request.headers)
        try:
            response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
            if 300 <= response.status_code < 400:
                return await _redirect(response)
            if response.status_code >= 400:
                return await remote_answers.refused(response, asked)
        except TaskError as error:  # the guard's
            return remote_answers.not_sent(asked, error)
        except BROKEN as error:
            return remote_answers.broken(asked, error)
        return remote_answers.answered(response, asked, self._junk)

    async def _listened(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
        if response.status_code >= 300 or not remote_answers.is_stream(response):
            return response
        return remote_answers.heard(response)

    async def _told(self, request: httpx2.Request) -> httpx2.Response:
        """Send what has no answer: a server that refuses it shows so by what it answers next."""
        try:
            response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
            if 300 <= response.status_code < 400:
                return await _redirect(response)
            await response.aclose()
        except (TaskError, *BROKEN):
            pass
        return httpx2.Response(202)

    async def _closed(self, request: httpx2.Request) -> httpx2.Response:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                response = await self._guarded.send(request, stream=True, auth=None, follow_redirects=False)
                await response.aclose()
        except (TimeoutError, TaskError, *BROKEN):
            pass
        return httpx2.Response(204)


async def _redirect(response: httpx2.Response) -> httpx2.Response:
    """Leave a redirect to the SDK, which follows it on the same origin, or says where it leads."""
    await response.aclose()
    location = response.headers.get("location")
    return httpx2.Response(response.status_code, headers={"location": location} if location else {})


def _call_of(body: JsonRpc) -> str | None:
    """Return the key of the call of a tool that a request is; what comes in its answer belongs to that call."""
    params = body.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta.get(wire.KEY) if isinstance(meta, dict) else None
