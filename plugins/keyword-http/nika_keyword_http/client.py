"""The HTTP client of a run: one pool of connections, each opened to an address that was checked.

Imports httpx2: only the step imports this module, off the event loop, on the first request of a run.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, TypeAlias

import httpcore2
import httpx2

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_keyword_http.guard import VARIABLE, Guard, parse_address

SocketOption: TypeAlias = "tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]"
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
_ONE_OF_MANY: Final = 3.0  # seconds for an address when there are others to try


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, as the system's resolver gives them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a name once, checks every address, and connects to a checked one only: by its number."""

    def __init__(self, guard: Guard, resolver: Resolver = resolve) -> None:
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
        """Connect. Raises TaskError where the guard refuses or nobody knows the host, else httpcore2's errors."""
        addresses = await self._checked(host, port)
        failure: Exception | None = None
        for index, address in enumerate(addresses):
            limit = _ONE_OF_MANY if index < len(addresses) - 1 else timeout
            try:
                return await self._backend.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = list(await self._resolver(host, port))
        except (OSError, UnicodeError) as error:
            raise _unknown_host(host, error) from error
        if not addresses:
            raise _unknown_host(host, None)
        for text in addresses:
            try:
                why = self._guard.why_refused(host, port, parse_address(text))
            except ValueError:
                why = "no address that is known"
            if why is not None:
                raise _refused(host, port, text, why)
        return addresses

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Never: a socket file is on this machine."""
        raise TaskError("http does not connect to sockets of this machine", code=codes.ADDRESS_REFUSED, retriable=False)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


def _unknown_host(host: str, error: Exception | None) -> TaskError:
    detail = getattr(error, "strerror", None) or "no address"
    return TaskError(
        f"the host '{host}' is not known: {detail}",
        category=Category.NETWORK,
        hint="check the host's spelling and this machine's connection",
    )


def _refused(host: str, port: int, address: str, why: str) -> TaskError:
    shown = f"[{host}]" if ":" in host else host
    is_literal = host == address
    where = f"{shown} is" if is_literal else f"{shown} resolves to {address},"
    return TaskError(
        f"http does not connect to {shown}:{port}: {where} {why}, not a public one",
        category=Category.CONFIG,
        code=codes.ADDRESS_REFUSED,
        hint=f"who runs this may allow it with {VARIABLE}={shown}:{port}, or with http.allow in the project file; "
        "a workflow cannot",
        retriable=False,
    )


class Transport(httpx2.AsyncBaseTransport):
    """httpx2 over a pool whose connections the guard opens. No proxy, no socket file, HTTP/1.1."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send. Raises httpcore2's errors and the guard's TaskError."""
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
        await self._pool.aclose()


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


def _tls(certificates: str | None) -> ssl.SSLContext:
    if certificates:
        return ssl.create_default_context(cafile=certificates)
    return httpx2.create_ssl_context(trust_env=False)


@asynccontextmanager
async def open_client(
    guard: Guard, *, certificates: str | None = None, resolver: Resolver = resolve
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client for one run.

    Args:
        certificates: a file with the authorities to trust instead of the system's (SSL_CERT_FILE).
        resolver: from a host to its addresses.
    """
    try:
        tls = await asyncio.to_thread(_tls, certificates)
    except OSError as error:
        raise TaskError(
            f"SSL_CERT_FILE: no certificates can be read from {certificates}: {error}", category=Category.CONFIG
        ) from error
    async with httpx2.AsyncClient(
        transport=Transport(GuardedBackend(guard, resolver), tls),
        trust_env=False,
        timeout=None,  # the attempt's own timeout ends it
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # tasks share no state but what they say
        headers={},
    ) as client:
        yield client
