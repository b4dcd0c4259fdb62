"""A server whose answers a test writes byte by byte, in OpenAI's words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nika_core.testing import RawServer


class OpenAIServer(RawServer):
    def events(self, *chunks: dict[str, Any] | str, end: bool = True) -> None:
        """The next answer: server-sent events."""
        lines = [f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks]
        self.stream(*lines, "data: [DONE]\n\n" if end else "")


@pytest.fixture
async def raw_server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as made:
        yield made
