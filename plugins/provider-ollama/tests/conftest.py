"""An Ollama beside the seam: a real socket, answers that a test writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest


class FakeOllama:
    """Answers each request with the next of `answers` (the last one again and again) and keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, bool]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def parts(self, *parts: dict[str, Any] | str, cut: bool = False, stall: bool = False) -> None:
        """The next answer: lines of JSON. `cut`: the connection drops; `stall`: nothing more comes."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
        lines = [(part if isinstance(part, str) else json.dumps(part)).encode() + b"\n" for part in parts]
        body = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)
        self.answers.append((head + body + (b"" if cut or stall else b"0\r\n\r\n"), stall))

    def status(self, status: int, body: dict[str, Any]) -> None:
        """The next answer: an HTTP status."""
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        self.answers.append((head.encode() + data, False))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            lengths = [int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")]
            body = await reader.readexactly(lengths[0]) if lengths else b"{}"
            self.requests.append((head.split()[1], json.loads(body)))
            answer, stall = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(answer)
            await writer.drain()
            if stall:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def ollama_server() -> AsyncIterator[FakeOllama]:
    made = FakeOllama()
    async with await asyncio.start_server(made.handle, "127.0.0.1", 0) as server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
