"""A step's context for these tests, and an MCP server of ours, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nika_core.model.clock import SystemClock
from nika_core.model.workflow import AgentBlock, OutputSpec


@dataclass
class FakeContext:
    """What a step needs of its context; resources live in a task of their own, as the kernel's do."""

    environ: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    max_output: int = 1024 * 1024
    run_id: str = "run1"
    task_id: str = "t"
    key: str = "run1/t#1"
    attempt: int = 1
    folder: Path = Path()
    timeout: float = 10.0
    max_json_depth: int = 50
    output: OutputSpec = field(default_factory=OutputSpec)
    agent: AgentBlock = field(default_factory=AgentBlock)
    sections: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Any, ...] = ()
    clock: Any = field(default_factory=SystemClock)
    resources: dict[str, Any] = field(default_factory=dict)
    owners: list[tuple[asyncio.Task[None], asyncio.Event]] = field(default_factory=list)

    def mask(self, text: str) -> str:
        return text

    def chunk(self, text: str) -> None: ...

    def notice(self, message: str) -> None: ...

    async def resource(self, key: str, open_: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
        if key not in self.resources:
            ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            closing = asyncio.Event()
            self.resources[key] = ready

            async def own() -> None:
                try:
                    async with open_() as value:
                        ready.set_result(value)
                        await closing.wait()
                except Exception as error:
                    if ready.done():
                        raise
                    del self.resources[key]
                    ready.set_exception(error)

            self.owners.append((asyncio.create_task(own()), closing))
        return await asyncio.shield(self.resources[key])

    async def aclose(self) -> None:
        for task, closing in self.owners:
            closing.set()
            await task


@pytest.fixture
async def context() -> AsyncIterator[FakeContext]:
    made = FakeContext()
    yield made
    await made.aclose()


SERVER = Path(__file__).parent / "small_mcp_server.py"


def stdio_server(*args: str, **more: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(SERVER), *args], **more}


@pytest.fixture
def small(context: FakeContext, tmp_path: Path) -> FakeContext:
    """A context whose workflow declares our server as `small`, over stdio."""
    context.folder = tmp_path
    context.environ = {"PATH": os.environ["PATH"], "HIDDEN_TOKEN": "not-for-servers"}
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
