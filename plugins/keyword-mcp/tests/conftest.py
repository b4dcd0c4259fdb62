"""A step's context for these tests, and an MCP server of ours, over stdio and over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nika_core.model.clock import SystemClock
from nika_core.testing import FakeStepContext


@pytest.fixture
async def context() -> AsyncIterator[FakeStepContext]:
    async with FakeStepContext(timeout=120.0, clock=SystemClock()) as made:
        yield made


SERVER = Path(__file__).parent / "small_mcp_server.py"


def stdio_server(*args: str, **more: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(SERVER), *args], **more}


@pytest.fixture
def small(context: FakeStepContext, tmp_path: Path) -> FakeStepContext:
    """A context whose workflow declares our server as `small`, over stdio."""
    context.folder = tmp_path
    context.environ = {"PATH": os.environ["PATH"], "HIDDEN_TOKEN": "not-for-servers", "NIKA_MCP_ALLOW": "127.0.0.1"}
    context.sections = {"mcpServers": {"small": stdio_server()}}
    return context


@pytest.fixture(scope="session")
def http_server() -> Iterator[str]:
    """The URL of our server over streamable HTTP."""
    with subprocess.Popen([sys.executable, str(SERVER), "http"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def processes() -> Callable[[str], list[str]]:
    """The processes whose command line holds a text, as `ps` shows them."""

    def find(text: str) -> list[str]:
        shown = subprocess.run(["ps", "-ww", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
        return [line for line in shown.splitlines() if text in line and " Z" not in line]

    return find
