"""Sends the request of a task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from nika_core.plugin import Category, JsonObject, StepContext, StepOutput, TaskError
from nika_core.toolbox.network import AddressGuard, guarded_client
from nika_keyword_http import decoding
from nika_keyword_http import request as requests
from nika_keyword_http import response as responses

REASON: Final = 2.0  # seconds for the body of an error: the status is enough, and the body may never end


class HttpStep:
    """The http keyword's work. The client is the run's: opened with the first request, closed with the run."""

    async def run(self, payload: JsonObject, context: StepContext) -> StepOutput:
        """Send the request, read the answer and judge its status. Raises TaskError."""
        request = requests.build(payload, context.key, context.traceparent)
        expected = requests.statuses(payload.get("expectStatus"))
        full = payload.get("response") == "full"
        guard = _guard(context)
        client = await context.resource("http:client", lambda: guarded_client(guard, environ=context.environ))
        from nika_keyword_http import exchange  # imports httpx2, which opening the client has imported in a thread

        follow = payload.get("followRedirects") is True
        async with exchange.answered(client, request, follow_redirects=follow) as (sent, response):
            headers = responses.headers_of(response.headers.multi_items())
            status: int = response.status_code
            try:
                with exchange.network_errors(sent):
                    chunks = _chunks(response, headers)
                    if status not in expected:
                        chunks = responses.within(chunks, REASON)
                    body = await responses.read(chunks, headers, context.max_output)
            except TaskError:
                if status in expected:
                    raise
                body = responses.Body(b"", False, 0)  # the status says more
        result = responses.output(status, headers, body, full=full, max_output=context.max_output)
        if status not in expected:
            raise responses.failure(sent, status, headers, result.value, expected, context.clock.time())
        return result


def _chunks(response: Any, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    chunks: AsyncIterator[bytes] = response.aiter_raw()
    return decoding.decoded(chunks, decoding.codings(headers.get("content-encoding", "")))


def _guard(context: StepContext) -> AddressGuard:
    try:
        return AddressGuard.from_configuration("http", context.environ, context.settings.get("allow") or ())
    except ValueError as error:
        raise TaskError(str(error), category=Category.CONFIG) from None
