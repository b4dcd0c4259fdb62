"""The client behind `network.guarded_client`. Imports httpx2, on which nika-core does not depend: imported by
`guarded_client` only, off the event loop, on the first request of a run.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, TypeAlias

import httpcore2
import httpx2

from nika_core import codes
from nika_core.errors import TaskError
from nika_core.toolbox.http1_transport import Http1Transport
from nika_core.toolbox.network import AddressGuard, Resolver, checked_addresses, resolve_host
from nika_core.toolbox.proxies import tls_context

SocketOption: TypeAlias = "tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]"
_NO_LIMIT: Final = 1 << 30  # requests at once: the run limits them
_ONE_OF_MANY: Final = 3.0  # seconds for an address when there are others to try


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to the addresses that the guard has checked, by their number."""

    def __init__(self, guard: AddressGuard, resolver: Resolver = resolve_host) -> None:
        self._guard = guard
        self._resolver = resolver
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect. Raise TaskError if the guard refuses or the host is not known, else httpcore2's errors."""
        addresses = await checked_addresses(self._guard, host, port, self._resolver)
        failure: Exception | None = None
        for index, address in enumerate(addresses):
            limit = _ONE_OF_MANY if index < len(addresses) - 1 else timeout
            try:
                return await self._backend.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Raise TaskError: a socket file is on this machine."""
        raise TaskError(
            f"{self._guard.keyword} does not connect to sockets of this machine",
            code=codes.ADDRESS_REFUSED,
            retriable=False,
        )

    async def sleep(self, seconds: float) -> None:
        """Sleep, between two attempts of the pool."""
        await self._backend.sleep(seconds)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """httpx2 over a pool whose connections the guard opens. No proxy, no socket file, HTTP/1.1.

    Used where httptools, which `Http1Transport` needs, is not installed.
    """

    def __init__(self, backend: httpcore2.AsyncNetworkBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Raise httpcore2's errors and the guard's TaskError."""
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        response = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            response.status, headers=response.headers, stream=_Stream(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@asynccontextmanager
async def open_client(
    guard: AddressGuard, environ: Mapping[str, str], resolver: Resolver
) -> AsyncIterator[httpx2.AsyncClient]:
    """Open the client; see `network.guarded_client`."""
    tls = await tls_context("", environ, httpx2.create_ssl_context)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return await checked_addresses(guard, host, port, resolver)

    transport: Any
    try:
        transport = Http1Transport(httpx2, tls, _NO_LIMIT, resolve)
    except ImportError:  # without httptools
        transport = GuardedTransport(GuardedBackend(guard, resolver), tls)
    async with httpx2.AsyncClient(
        transport=transport,
        trust_env=False,
        timeout=None,  # the attempt's own timeout ends it
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # tasks share no state except what they say
        headers={},
    ) as client:
        yield client
