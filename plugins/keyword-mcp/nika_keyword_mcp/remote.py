"""A server that is called over streamable HTTP: its client, and what it last answered where it refused."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import httpx2
from mcp.client.streamable_http import streamable_http_client

from nika_core.plugin import Category, TaskError
from nika_keyword_mcp.servers import Server

_CONNECT_SECONDS: Final = 30.0


class Remote:
    """Remembers the last refusal: the SDK's own errors do not say an HTTP status."""

    def __init__(self, server: Server, environ: Mapping[str, str]) -> None:
        self._server = server
        self._certificates = environ.get("SSL_CERT_FILE")
        self.refused: int | None = None  # the status of the last answer, where it was one of 400 and more
        self._phrase = ""

    async def streams(self, stack: AsyncExitStack) -> Any:
        """Open the SDK's transport over our own HTTP client: no proxies, no redirects to elsewhere. Raise TaskError."""
        verify: Any = True
        try:
            if self._certificates:
                verify = await asyncio.to_thread(ssl.create_default_context, cafile=self._certificates)
            client = httpx2.AsyncClient(
                headers=dict(self._server.headers),
                timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None),  # the attempt's own timeout ends a call
                trust_env=False,
                verify=verify,
                event_hooks={"response": [self._note]},
            )
            httpx2.URL(self._server.url)
        except (httpx2.InvalidURL, ValueError, OSError) as error:  # a UnicodeError is a ValueError
            raise TaskError(
                f"the MCP server '{self._server.name}' has a url, headers or certificates that cannot be used: {error}",
                category=Category.CONFIG,
            ) from None
        return streamable_http_client(self._server.url, http_client=await stack.enter_async_context(client))

    async def _note(self, response: httpx2.Response) -> None:
        self.refused = response.status_code if response.status_code >= 400 else None
        self._phrase = response.reason_phrase

    def refusal(self) -> str:
        """Return the refusal, e.g. `HTTP 401 Unauthorized`, or "" if the last request was not refused."""
        return "" if self.refused is None else f"HTTP {self.refused} {self._phrase}".strip()
