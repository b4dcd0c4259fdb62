"""Sends the request. Imports httpx2: imported when the client is open, and httpx2 therefore is."""

from __future__ import annotations

from collections.abc import Mapping

import httpcore2
import httpx2

from nika_core.plugin import Category, TaskError


async def post(client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], content: bytes) -> None:
    """Post JSON. Raise TaskError unless the answer's status is 2xx; the URL may be a secret, and is not in it."""
    try:
        whole = {"content-type": "application/json", **headers}
        encoded = [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in whole.items()]
        request = client.build_request("POST", url, headers=encoded, content=content)
        host = request.url.host
    except httpx2.InvalidURL as error:
        raise TaskError(f"the url of notify is not a URL: {error}", category=Category.CONFIG) from None
    try:
        response = await client.send(request, stream=True, auth=None)
        await response.aclose()  # nobody reads the body
    except (httpx2.HTTPError, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException) as error:
        raise TaskError(f"{host} cannot be reached: {_reason(error)}", category=Category.NETWORK) from None
    if not response.is_success:
        raise TaskError(f"{host} answers with status {response.status_code}", category=Category.NETWORK)


def _reason(error: BaseException) -> str:
    """Return the operating system's words, or the library's, or at least the name of the error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError):
            return "it refuses the connection"
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.exceptions[0] if isinstance(seen, BaseExceptionGroup) else seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__
