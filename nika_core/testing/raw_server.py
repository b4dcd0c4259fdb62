"""A server on loopback whose answers a test writes byte by byte, for what no ready-made one does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from nika_core.model.clock import Clock
from nika_core.testing.fault_server import ReceivedRequest, json_object
from nika_core.testing.scenario import Then
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What is sent, and what follows: the next request, the connection's end, or nothing at all.

    Attributes:
        data: the bytes; or bytes that are sent one after the other, and seconds to wait between them.
    """

    data: bytes | Sequence[bytes | float]
    then: Then = "go on"


class RawServer:
    """Answers each request with the next of `answers`, the last one again and again.

    With `async with` it runs in the test's event loop, with `with` in a thread of its own.

    Args:
        clock: measures what answers wait; None: they do not wait.

    Attributes:
        answers: what comes next; see `status`, `stream` and `raw`.
        requests: every request, in order.
        url: `http://127.0.0.1:PORT`.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._leave: Callable[[], object] | None = None
        self.answers: list[RawAnswer] = []
        self.requests: list[ReceivedRequest] = []
        self.url = ""
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    @property
    def bodies(self) -> list[Mapping[str, Any]]:
        """Return the bodies of all requests."""
        return [each.body for each in self.requests]

    def raw(self, data: bytes, then: Then = "go on") -> None:
        """Add an answer, head included."""
        self.answers.append(RawAnswer(data, then))

    def status(self, status: int, body: Any, **headers: str) -> None:
        """Add an answer: a status with JSON (a text is sent as it is); `retry_after="7"` is a header."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{extra}\r\n"
        self.raw(head.encode() + data)

    def stream(self, *parts: str, content_type: str = "text/event-stream", then: Then = "go on") -> None:
        """Add an answer in pieces; its end is not sent if the connection then closes or hangs."""
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        pieces = [part.encode() for part in parts if part]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        self.raw(head.encode() + body + (b"0\r\n\r\n" if then == "go on" else b""), then)

    def answer_to(self, request: ReceivedRequest) -> RawAnswer:
        """Return the answer to a request: the next one."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def __enter__(self) -> Self:
        ready = threading.Event()

        async def serve() -> None:
            leave, loop = asyncio.Event(), asyncio.get_running_loop()
            self._leave = partial(loop.call_soon_threadsafe, leave.set)
            async with self:
                ready.set()
                await leave.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        assert self._leave is not None
        self._leave()
        self._thread.join()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            then: Then = "go on"
            while then == "go on":
                request = await _request(reader)
                self.requests.append(request)
                answer = self.answer_to(request)
                then = answer.then
                for part in [answer.data] if isinstance(answer.data, bytes) else answer.data:
                    if isinstance(part, bytes):
                        writer.write(part)
                        await writer.drain()
                    elif self._clock is not None:
                        await self._clock.sleep(part)
            if then == "hang":
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _request(reader: asyncio.StreamReader) -> ReceivedRequest:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return ReceivedRequest(method, path, headers, json_object(data))
