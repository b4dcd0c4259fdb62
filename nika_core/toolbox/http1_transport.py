"""A transport for the clients of httpx2 and httpx: connections that are kept, read by `http1_connection`.

The libraries' own one takes 0.8 ms of CPU time more for a request, and 15 us more for each chunk of an answer. It is
still what leads through a proxy.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, Self

from nika_core.toolbox.http1_connection import Http1Connection

_ONE_OF_MANY: Final = 3.0  # seconds for an address that has been resolved elsewhere, if there are others to try
_EXPIRY: Final = 5.0  # seconds for which they are: many servers close them soon after
_STAGGER: Final = 0.25  # seconds until the next address of a host is tried, too (RFC 8305)
_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
_ALIVE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}  # as the SDKs of OpenAI and Anthropic
_Origin = tuple[str, str, int]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def transport_options(http: Any, context: ssl.SSLContext, proxy: str | None, connections: int) -> dict[str, Any]:
    """Return the arguments of an `AsyncClient` with this transport; without it behind a proxy, or without httptools.

    Args:
        http: the library of the client: httpx2 or httpx.
        context: what decides whether a server is trusted.
        proxy: the address of the proxy.
        connections: how many requests run at once.
    """
    if proxy is None:
        try:
            return {"transport": Http1Transport(http, context, connections)}
        except ImportError:  # the library's own takes longer, and does the same
            pass
    return {"verify": context, "proxy": http.Proxy(proxy) if proxy else None}


class Http1Transport:
    """Takes requests of an `AsyncClient`, for any number of servers. Belongs to one event loop.

    Args:
        http: the library whose client it is for: its classes and exceptions are used.
        context: what decides whether a server is trusted.
        connections: how many requests run at once; another one waits. As many connections as have run at once are kept.
        resolve: returns the addresses of a host that may be connected to, or raises; None: all that it has.

    Raises:
        ImportError: httptools is not installed.
    """

    def __init__(self, http: Any, context: ssl.SSLContext, connections: int, resolve: Resolve | None = None) -> None:
        import httptools

        context.set_alpn_protocols(["http/1.1"])
        self._http = http
        self._context = context
        self._turns = asyncio.Semaphore(connections)
        self._resolve = resolve
        self._idle: dict[_Origin, deque[Http1Connection]] = {}
        self._idle_count = 0
        self._running = 0  # requests
        self._most = 0  # of them at once, so far
        self._purge: asyncio.TimerHandle | None = None
        self._busy: set[Http1Connection] = set()
        self._new_parser = httptools.HttpResponseParser
        self._body_type: Any = type("Http1Body", (_Body, http.AsyncByteStream), {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request and return the response, its body not read yet. Raise the library's exceptions."""
        timeouts = request.extensions.get("timeout") or {}
        url = request.url
        if not re.fullmatch("https?", url.scheme):
            raise self._http.UnsupportedProtocol(f"the address has {url.scheme!r} in place of http:// or https://")
        origin = (url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))
        await self._turn(timeouts.get("pool"))
        self._running += 1
        self._most = max(self._most, self._running)
        connection = None
        try:
            connection = self._kept(origin) or await self._connect(origin, timeouts.get("connect"))
            self._busy.add(connection)
            method = request.method.encode("ascii")
            fields = request.headers.raw
            await connection.send(method, url.raw_path, fields, request.stream, timeouts.get("write"))
            await connection.read_head(timeouts.get("read"))
        except BaseException:
            self._give_back(origin, connection)
            raise
        return self._http.Response(
            connection.status,
            headers=connection.fields,
            stream=self._body_type(self, origin, connection, timeouts.get("read")),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": connection.reason},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in (*self._busy, *(each for kept in self._idle.values() for each in kept)):
            connection.close()
        self._idle.clear()
        self._idle_count = 0
        if self._purge is not None:
            self._purge.cancel()
        await asyncio.sleep(0)  # they are closed in the event loop's next turn

    async def _turn(self, timeout: float | None) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(timeout):
                await self._turns.acquire()
        except TimeoutError as error:
            raise self._http.PoolTimeout("") from error

    def _kept(self, origin: _Origin) -> Http1Connection | None:
        """Return the connection that was used last, if the server has not closed it."""
        self._close_expired(origin)
        while origin in self._idle:
            connection = self._take(origin, -1)
            if connection.reusable and not _readable(connection.socket()):
                return connection
            connection.close()
        return None

    def _take(self, origin: _Origin, place: int) -> Http1Connection:
        kept = self._idle[origin]
        connection = kept[place]
        del kept[place]
        self._idle_count -= 1
        if not kept:
            del self._idle[origin]
        return connection

    def _close_expired(self, origin: _Origin) -> None:
        now = asyncio.get_running_loop().time()
        while origin in self._idle and self._idle[origin][0].expires < now:
            self._take(origin, 0).close()

    def _close_all_expired(self) -> None:
        """Close what is not used any more, also to servers that are never asked again."""
        self._purge = None
        for origin in list(self._idle):
            self._close_expired(origin)
        self._purge_later()

    def _purge_later(self) -> None:
        if self._purge is None and self._idle:
            self._purge = asyncio.get_running_loop().call_later(_EXPIRY, self._close_all_expired)

    def _give_back(self, origin: _Origin, connection: Http1Connection | None) -> None:
        self._turns.release()
        self._running -= 1
        if connection is None:
            return
        self._busy.discard(connection)
        if not connection.reusable:
            connection.close()
            return
        connection.expires = asyncio.get_running_loop().time() + _EXPIRY
        self._idle.setdefault(origin, deque()).append(connection)
        self._idle_count += 1
        if self._idle_count > self._most:
            self._take(next(iter(self._idle)), 0).close()
        self._purge_later()

    async def _connect(self, origin: _Origin, timeout: float | None) -> Http1Connection:
        host, port = origin[1].strip("[]"), origin[2]
        if self._resolve is None:
            return await self._open(origin, host, timeout)
        addresses = await self._resolve(host, port)
        failure: Exception | None = None
        for address in addresses[:-1]:
            try:
                return await self._open(origin, address, _ONE_OF_MANY)
            except (self._http.ConnectError, self._http.ConnectTimeout) as error:
                failure = failure or error
        try:
            return await self._open(origin, addresses[-1], timeout)
        except (self._http.ConnectError, self._http.ConnectTimeout) as error:
            raise failure or error from None

    async def _open(self, origin: _Origin, address: str, timeout: float | None) -> Http1Connection:
        """Connect to an address of a host, or to all addresses of its name."""
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        secure: dict[str, Any] = {"ssl": self._context, "server_hostname": host} if scheme == "https" else {}
        try:
            async with asyncio.timeout(timeout):
                transport, connection = await loop.create_connection(
                    lambda: Http1Connection(self._http, self._new_parser),
                    address,
                    port,
                    happy_eyeballs_delay=_STAGGER,
                    **secure,
                )
        except TimeoutError as error:
            if error.errno:  # the system's own: the host does not answer
                raise self._http.ConnectError("All connection attempts failed") from error
            raise self._http.ConnectTimeout("") from error
        except ssl.SSLError as error:
            raise self._http.ConnectError(str(error)) from error
        except (OSError, UnicodeError) as error:
            cause = _first(error)
            raise self._http.ConnectError(str(cause) or "the server closed the connection at once") from cause
        _keep_alive(transport.get_extra_info("socket"))
        return connection


class _Body:
    """The body of a response. The connection goes back to the transport when it has been read, or is closed."""

    def __init__(
        self, owner: Http1Transport, origin: _Origin, connection: Http1Connection, timeout: float | None
    ) -> None:
        self._owner = owner
        self._origin = origin
        self._connection = connection
        self._timeout = timeout
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while data := await self._connection.read(self._timeout):
                yield data
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._owner._give_back(self._origin, self._connection)


def _readable(sock: Any) -> bool:
    """Return whether a connection that is not in use has something to read: then it is its end."""
    if sock is None or sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _keep_alive(sock: Any) -> None:
    """Let the system find out that a server is gone while it says nothing."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _ALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _first(error: Exception) -> Exception:
    """Return the reason of a failed connection: asyncio joins those of all addresses of a host in one text."""
    numbers = [int(number) for number in _NUMBER.findall(str(error))]
    if isinstance(error, OSError) and error.errno is None and numbers:
        return OSError(numbers[0], os.strerror(numbers[0]))
    return error
