"""One request and its redirects, with the network's failures as errors that say what happened.

Imports httpx2: only the step imports this module, when the client is open and httpx2 is therefore imported.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import httpcore2
import httpx2

from nika_core.plugin import Category, TaskError, codes
from nika_keyword_http.decoding import DecodingError
from nika_keyword_http.request import HARMLESS_HEADERS, Request
from nika_keyword_http.urls import host_of, why_not_a_url, without_query

MAX_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@asynccontextmanager
async def answered(
    client: httpx2.AsyncClient, request: Request, *, follow_redirects: bool
) -> AsyncIterator[tuple[Request, httpx2.Response]]:
    """Send, and follow redirects where asked; gives the last request and its answer, whose body is not read yet.

    Raises TaskError.
    """
    for _ in range(MAX_REDIRECTS + 1):
        with network_errors(request):
            response = await client.send(_message(client, request), stream=True, auth=None)
        try:
            location = response.headers.get("location")
            if not (follow_redirects and response.status_code in _REDIRECTS and location):
                yield request, response
                return
            request = redirected(request, response.status_code, location)
        finally:
            await response.aclose()
    raise TaskError(
        f"{request.method} {without_query(request.url)} is the {MAX_REDIRECTS + 1}th redirect in a row",
        hint=f"at most {MAX_REDIRECTS} are followed; a loop is likely",
        retriable=False,
    )


def _message(client: httpx2.AsyncClient, request: Request) -> httpx2.Request:
    headers = [(name.encode("ascii"), value.encode("utf-8", "replace")) for name, value in request.headers]
    if "accept-encoding" not in request.header_names:
        headers.append((b"accept-encoding", b"gzip, deflate"))
    try:
        return client.build_request(request.method, request.url, headers=headers, content=request.body)
    except httpx2.InvalidURL as error:
        raise TaskError(
            f"'{without_query(request.url)}' is not a URL: {error}",
            category=Category.TEMPLATE,
            code=codes.VALUE_NOT_ALLOWED_HERE,
        ) from error


def redirected(request: Request, status: int, location: str) -> Request:
    """Return the request to a redirect's target, without secrets for another origin. Raise TaskError."""
    try:
        target = str(httpx2.URL(request.url).join(location))
        problem = why_not_a_url(target)
        why = None if problem is None else problem.message
    except httpx2.InvalidURL as error:
        why = f"it is not a URL: {error}"
    if why is not None:
        raise TaskError(
            f"{without_query(request.url)} redirects to '{without_query(location)}': {why}", retriable=False
        )
    target = target.partition("#")[0]
    method, body, headers = request.method, request.body, request.headers
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = tuple((name, value) for name, value in headers if not name.startswith("content-"))
    if _origin(target) != _origin(request.url):
        headers = tuple((name, value) for name, value in headers if name in HARMLESS_HEADERS)
    return replace(request, method=method, url=target, headers=headers, body=body)


def _origin(url: str) -> tuple[str, str, int | None]:
    parsed = httpx2.URL(url)
    return parsed.scheme, parsed.host, parsed.port


class network_errors:  # noqa: N801  # reads like contextlib's own at its use
    """Turns httpx2's and httpcore2's errors into TaskErrors that name the host."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):  # a cancellation goes on as one
            found = _explained(self._request, error)
            if found is not None:
                raise found from error


def _explained(request: Request, error: Exception) -> TaskError | None:
    host = host_of(request.url)
    call = f"{request.method} {without_query(request.url)}"
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TaskError(
            f"{host} shows a TLS certificate that is not trusted: {cause.verify_message}",
            category=Category.NETWORK,
            retriable=False,
            hint="if the authority is your own, set SSL_CERT_FILE to a file with its certificate",
        )
    if isinstance(cause, ssl.SSLError):
        return TaskError(
            f"no TLS connection to {host}: {cause.reason or cause}",
            category=Category.NETWORK,
            hint="does the server speak https on this port?",
        )
    if isinstance(cause, ConnectionRefusedError):
        return TaskError(
            f"{host} refuses the connection: nothing listens there",
            category=Category.NETWORK,
            hint="check host and port, and whether the server runs",
        )
    if isinstance(error, DecodingError):
        return TaskError(f"{call}: the body's compression is broken: {error}", retriable=False)
    if isinstance(error, (httpx2.TimeoutException, httpcore2.TimeoutException)):
        return TaskError(f"{call}: no answer in time", category=Category.TIMEOUT)
    if isinstance(error, (httpx2.ConnectError, httpcore2.ConnectError)):
        return TaskError(f"no connection to {host}: {_said(cause or error)}", category=Category.NETWORK)
    if isinstance(error, (httpx2.LocalProtocolError, httpcore2.LocalProtocolError)):
        return TaskError(f"{call} cannot be sent: {error}", category=Category.CONFIG)
    if isinstance(error, (httpx2.HTTPError, httpcore2.NetworkError, httpcore2.ProtocolError, OSError)):
        return TaskError(f"{call}: the connection broke off: {_said(cause or error)}", category=Category.NETWORK)
    return None


def _cause(error: BaseException) -> OSError | None:
    """Return the operating system's own error, deepest under the libraries' ones."""
    found: OSError | None = None
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and not isinstance(seen, ssl.SSLWantReadError):  # ssl.SSLError is one
            found = seen
        seen = seen.exceptions[0] if isinstance(seen, BaseExceptionGroup) else seen.__cause__ or seen.__context__
    return found


def _said(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return re.sub(r"bytearray\(b(.*)\)", r"\1", said)  # h11's way to show what a server sent
