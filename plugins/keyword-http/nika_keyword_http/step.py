"""Sends the request of a task."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from nika_core.errors import Category, TaskError
from nika_core.model.json import JsonObject
from nika_core.plugin import StepContext, StepOutput
from nika_keyword_http import request as requests
from nika_keyword_http import response as responses
from nika_keyword_http.guard import VARIABLE, Guard

if TYPE_CHECKING:
    import httpx2


class HttpStep:
    """The http keyword's work. The client is the run's: opened with the first request, closed with the run."""

    def __init__(self) -> None:
        self._loaded: tuple[Any, Any] | None = None

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput:
        """Send, read, judge. Raises TaskError."""
        request = requests.build(payload, context.key)
        asked = requests.statuses(payload.get("expectStatus"))
        full = payload.get("response") == "full"
        guard = _guard(context)
        clients, exchange = await self._modules()

        def open_() -> AbstractAsyncContextManager[httpx2.AsyncClient]:
            opened: AbstractAsyncContextManager[httpx2.AsyncClient] = clients.open_client(
                guard, certificates=context.environ.get("SSL_CERT_FILE")
            )
            return opened

        client = await context.resource("http:client", open_)
        following = payload.get("followRedirects") is True
        async with exchange.answered(client, request, follow_redirects=following) as (sent, response):
            headers = responses.headers_of(response.headers.multi_items())
            with exchange.network_errors(sent):
                body = await responses.read(_chunks(response), headers, context.max_output)
        status: int = response.status_code
        result = responses.output(status, headers, body, full=full, max_output=context.max_output)
        if status not in asked:
            raise responses.failure(sent, status, headers, result.value, asked, context.clock.time())
        return result

    async def _modules(self) -> tuple[Any, Any]:
        """What imports httpx2, off the event loop."""
        if self._loaded is None:
            load = importlib.import_module
            clients = await asyncio.to_thread(load, "nika_keyword_http.client")
            self._loaded = clients, await asyncio.to_thread(load, "nika_keyword_http.exchange")
        return self._loaded


async def _chunks(response: Any) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_bytes():
        yield chunk


def _guard(context: StepContext) -> Guard:
    try:
        return Guard.of(context.environ.get(VARIABLE), context.settings.get("allow") or ())
    except ValueError as error:
        raise TaskError(str(error), category=Category.CONFIG) from None
