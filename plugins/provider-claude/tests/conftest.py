"""A server whose answers a test writes byte by byte, for what no ready-made one does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest


class RawServer:
    """Answers each request with the next of `answers` (the last one again and again) and keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.bodies: list[dict[str, Any]] = []
        self.url = ""

    def stream(self, *events: dict[str, Any]) -> None:
        """The next answer: server-sent events."""
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(body)}\r\n\r\n"
        self.answers.append(head.encode() + body)

    def status(self, status: int, body: Any, **headers: str) -> None:
        """The next answer: an HTTP status."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{extra}\r\n"
        self.answers.append(head.encode() + data)

    def silence(self) -> None:
        """The next request gets no answer."""
        self.answers.append(None)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                lengths = [int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")]
                body = await reader.readexactly(lengths[0]) if lengths else b""
                self.bodies.append(json.loads(body or b"{}"))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def raw_server() -> AsyncIterator[RawServer]:
    made = RawServer()
    async with await asyncio.start_server(made.handle, "127.0.0.1", 0) as server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
