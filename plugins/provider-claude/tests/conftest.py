"""A server whose answers a test writes byte by byte, in Anthropic's words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nika_core.testing import RawServer


class AnthropicServer(RawServer):
    def events(self, *events: dict[str, Any]) -> None:
        """The next answer: server-sent events."""
        self.stream(*(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))


@pytest.fixture
async def raw_server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as made:
        yield made
