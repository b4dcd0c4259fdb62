"""A step's context for these tests, and servers on loopback that answer what a test tells them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import pytest

from nika_core.model.clock import SystemClock
from nika_core.testing import FakeStepContext


@pytest.fixture
async def context() -> AsyncIterator[FakeStepContext]:
    async with FakeStepContext(environ={}, timeout=120.0, clock=SystemClock()) as made:
        yield made


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "Received"], Awaitable[None]]


@dataclass
class Received:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer: Any = None


class Server:
    """A server on an ephemeral port of loopback, in a thread; `answer` says what each request gets."""

    def __init__(self, answer: Answer, tls: Any = None) -> None:
        self.requests: list[Received] = []
        self._answer = answer
        self._tls = tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(120)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        tasks: set[asyncio.Task[Any]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
            try:
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8")
                    first, *lines = head.strip().split("\r\n")
                    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
                    body = await reader.readexactly(int(headers.get("content-length", "0")))
                    method, target, _ = first.split(" ")
                    got = Received(method, target, headers, body, writer.get_extra_info("peername"))
                    self.requests.append(got)
                    await self._answer(reader, writer, got)
                    await writer.drain()
                    if writer.is_closing():
                        await writer.wait_closed()
                        return
            finally:
                writer.transport.abort()


def respond(
    status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None, *, length: bool = True
) -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Received) -> None:
        lines = [f"HTTP/1.1 {status} x", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        if length:
            lines.append(f"content-length: {len(body)}")
        else:
            lines.append("connection: close")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if not length:
            await writer.drain()
            writer.close()

    return answer


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:

        def start(answer: Answer | None = None, *, tls: Any = None, **kwargs: Any) -> Server:
            return stack.enter_context(Server(answer or respond(**kwargs), tls))

        yield start


@pytest.fixture
def answer_with() -> Callable[..., Answer]:
    return respond


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1: its file, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", *files], capture_output=True, check=True
    )
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return str(folder / "cert.pem"), served
