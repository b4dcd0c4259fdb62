"""Against a server that none of us wrote, where it is installed: npm's @modelcontextprotocol/server-everything."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest
from nika_keyword_mcp.facets import McpFacets
from nika_keyword_mcp.step import McpStep

COMMAND = shutil.which("mcp-server-everything")
pytestmark = pytest.mark.skipif(COMMAND is None, reason="mcp-server-everything is not installed")


async def test_its_tools_work(small: Any) -> None:
    small.sections = {"mcpServers": {"every": {"command": COMMAND, "args": ["stdio"]}}}

    async def call(tool: str, **args: Any) -> Any:
        async with asyncio.timeout(30):
            return await McpStep().run({"reference": f"every::{tool}", "args": args}, small)

    assert await call("echo", message="hi") == "Echo: hi"
    assert await call("get-sum", a="2", b=3) == "The sum of 2 and 3 is 5."
    assert "[image image/png" in await call("get-tiny-image")
    assert set(await call("get-structured-content", location="New York")) >= {"temperature", "humidity"}
    assert len(await McpFacets().tools("every::*", small)) > 5
