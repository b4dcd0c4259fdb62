"""One connection to an HTTP/1.1 server, read by llhttp (the parser of Node.js) through httptools.

The pieces of a body that came with one read are handed on as one: a model server sends each word of an answer as a
chunk of its own, and every layer above costs time for each of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, Sequence
from typing import Any, Final

_LARGEST_HEAD: Final = 100 * 1024  # bytes of a status line and headers
_MUCH: Final = 1 << 20  # bytes that nobody has taken yet: no more are read before they are
_WRITE: Final = 64 * 1024  # bytes that are sent in one write
_BEGIN: Final = b"HTTP/"
_ILLEGAL_NAME: Final = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_ILLEGAL_VALUE: Final = re.compile(rb"[\0\r\n]|\A[ \t]|[ \t]\Z")
_LENIENT: Final = {  # what other clients accept, too
    "lenient_chunked_length": True,
    "lenient_data_after_close": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}
Fields = Sequence[tuple[bytes, bytes]]


class Http1Connection(asyncio.Protocol):
    """One exchange after the other: `send`, then `read_head`, then `read` until it returns nothing.

    Args:
        http: httpx2, httpx, or another library with their exceptions, which are what the methods raise.
        new_parser: makes the parser of a response: `httptools.HttpResponseParser`.

    Attributes:
        status, reason, fields: the head of the response; a status of 0 before it has come.
        reusable: whether the exchange has ended so that another one may follow.
        expires: when it is not used again, by the clock of the event loop. For its pool.
    """

    def __init__(self, http: Any, new_parser: Any) -> None:
        self.expires = 0.0
        self._http = http
        self._new_parser = new_parser
        self._transport: Any = None
        self._lost = False
        self._writable: asyncio.Event | None = None  # there while the system takes no more
        self._waiter: asyncio.Future[bool] | None = None
        self._begin(b"")
        self._done = True

    def _begin(self, method: bytes) -> None:
        self._method = method
        self._parser = self._new_parser(self)
        self._parser.set_dangerous_leniencies(**_LENIENT)
        self.status, self.reason, self.fields = 0, b"", list[tuple[bytes, bytes]]()
        self._head_size = 0
        self._idle_size = 0  # bytes since the last part of the body
        self._parts: list[bytes] = []
        self._size = 0  # of the parts
        self._paused = False
        self._done = False
        self._kept = False
        self._error: Exception | None = None

    @property
    def reusable(self) -> bool:
        return self._done and self._kept and not self._lost and self._error is None and not self._parts

    def socket(self) -> Any:
        """Return the socket, to ask whether it is readable; None if the connection is closed."""
        return None if self._lost else self._transport.get_extra_info("socket")

    def close(self) -> None:
        """Close the connection at once. What was to come is lost."""
        self._lost = True
        if self._transport is not None:
            self._transport.abort()

    # ---- an exchange

    async def send(
        self, method: bytes, target: bytes, fields: Fields, body: AsyncIterable[bytes], timeout: float | None
    ) -> None:
        """Send a request. A server that no longer reads may have answered all the same: that is not an error here.

        Raises:
            LocalProtocolError: a header cannot be sent.
            WriteTimeout: the server takes nothing for `timeout` seconds.
        """
        self._begin(method)
        chunked = False
        lines = [b"%b %b HTTP/1.1\r\n" % (method, target)]
        for name, value in fields:
            if _ILLEGAL_NAME.search(name) or _ILLEGAL_VALUE.search(value):
                illegal, which = ("value", value) if not _ILLEGAL_NAME.search(name) else ("name", name)
                raise self._http.LocalProtocolError(f"Illegal header {illegal} {which!r}")
            chunked = chunked or (name.lower() == b"transfer-encoding" and value.lower() == b"chunked")
            lines.append(b"%b: %b\r\n" % (name, value))
        lines.append(b"\r\n")
        pending = b"".join(lines)
        async for part in body:
            if part:
                pending += b"%x\r\n%b\r\n" % (len(part), part) if chunked else part
            if len(pending) > _WRITE:
                await self._write(pending, timeout)
                pending = b""
        await self._write(pending + b"0\r\n\r\n" * chunked, timeout)

    async def read_head(self, timeout: float | None) -> None:
        """Wait for the head of the response. Raise ReadTimeout, ReadError or RemoteProtocolError."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait(timeout)

    async def read(self, timeout: float | None) -> bytes:
        """Return all of the body that has come, or wait for more; nothing at its end. Raise as `read_head` does."""
        while not self._parts:
            if self._error is not None:
                raise self._error
            if self._done:
                return b""
            await self._wait(timeout)
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        if self._paused and not self._lost:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def _write(self, data: bytes, timeout: float | None) -> None:
        if self._lost:
            return
        self._transport.write(data)
        if self._writable is not None:
            try:
                async with asyncio.timeout(timeout):
                    await self._writable.wait()
            except TimeoutError as error:
                raise self._http.WriteTimeout("") from error

    async def _wait(self, timeout: float | None) -> None:
        """Wait until something has come, or the connection is lost."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = None if timeout is None else loop.call_later(timeout, _answer, waiter, False)
        try:
            if not await waiter:
                raise self._http.ReadTimeout("")
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _fail(self, error: Exception, cause: BaseException | None = None) -> None:
        if self._error is None:
            error.__cause__ = cause
            self._error = error

    # ---- what asyncio calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._done:  # nobody asked for anything
            self._kept = False
            return
        if not self._head_size and not _BEGIN.startswith(data[:5]):  # the parser also takes other protocols
            self._fail(self._http.RemoteProtocolError("illegal status line"))
        if not self.status:
            self._head_size += len(data)
        parts = len(self._parts)
        try:
            self._parser.feed_data(data)
        except Exception as error:  # httptools has a class for each kind of it
            if not self._done:
                self._fail(self._http.RemoteProtocolError(str(error)), error)
            self._kept = False
        if not self.status and self._head_size > _LARGEST_HEAD:
            self._fail(self._http.RemoteProtocolError("the headers of the response are too large"))
        self._idle_size = 0 if len(self._parts) > parts else self._idle_size + len(data)
        if self.status and not self._done and self._idle_size > _LARGEST_HEAD:  # extensions of a chunk, or trailers
            self._fail(self._http.RemoteProtocolError("the body of the response does not go on"))
        if self._size > _MUCH and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _answer(self._waiter, True)

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self.resume_writing()
        if not self._done:
            if exc is not None:
                self._fail(self._http.ReadError(""), exc)
            elif not self.status:
                self._fail(self._http.RemoteProtocolError("Server disconnected without sending a response."))
            elif self._delimited():
                text = "peer closed connection without sending complete message body"
                self._fail(self._http.RemoteProtocolError(text))
            self._done = True
        _answer(self._waiter, True)

    # ---- what the parser calls

    def on_message_begin(self) -> None:
        if self._done:  # more than one answer to one request
            self._kept = False

    def on_status(self, reason: bytes) -> None:
        if not self._done:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # no trailer
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._done:
            return
        if 100 <= status < 200 and status != 101:  # not the answer yet
            self.reason = b""
            self.fields.clear()
            return
        self.status = status
        if self._method == b"HEAD" or status == 101:
            self._done = True

    def on_body(self, data: bytes) -> None:
        if not self._done:
            self._parts.append(data)
            self._size += len(data)

    def on_message_complete(self) -> None:
        if self.status and not self._done:
            self._done = True
            self._kept = self._parser.should_keep_alive()

    def _delimited(self) -> bool:
        """Return whether the end of the body shows in the body: else it ends with the connection."""
        return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.fields)


def _answer(waiter: asyncio.Future[bool] | None, come: bool) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(come)
