"""An Ollama beside the seam: a real socket, answers that a test writes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nika_core.testing import RawServer


class OllamaServer(RawServer):
    def parts(self, *parts: dict[str, Any] | str, cut: bool = False, stall: bool = False) -> None:
        """The next answer: lines of JSON. `cut`: the connection drops; `stall`: nothing more comes."""
        lines = ((part if isinstance(part, str) else json.dumps(part)) + "\n" for part in parts)
        self.stream(*lines, content_type="application/x-ndjson", then="hang" if stall else "close" if cut else "go on")


@pytest.fixture
async def ollama_server() -> AsyncIterator[OllamaServer]:
    async with OllamaServer() as made:
        yield made
