from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from nika_core.testing import KeywordConformance


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Any) -> None:
    if request.target.startswith("/slow"):
        await reader.read()
        return
    size = 200_000_000 if request.target.startswith("/large") else 5
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n" % size)
    with contextlib.suppress(ConnectionError):
        for _ in range(0, size, 1_000_000):
            writer.write(b"hello" if size == 5 else b"x" * 1_000_000)
            await writer.drain()


class TestHttp(KeywordConformance):
    word = "http"

    @pytest.fixture(autouse=True)
    def _served(self, serve: Callable[..., Any]) -> None:
        server = serve(answer)
        self.payload = {"url": f"{server.url}/"}
        self.slow = {"url": f"{server.url}/slow"}
        self.large = {"url": f"{server.url}/large"}
        self.environ = {"NIKA_HTTP_ALLOW": "127.0.0.1"}
