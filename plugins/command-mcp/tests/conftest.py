"""A server in this process, and one as a process of its own: each driven by the official client."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from nika_command_mcp.catalog import served_workflows
from nika_command_mcp.runs import ServedRuns
from nika_command_mcp.server import WorkflowServer

import nika_core as nika

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def serve() -> Serve:
    """Serve workflows in this process: starting one takes a second and a half of processor time less."""

    @asynccontextmanager
    async def serving(
        folder: Path, *files: str, wait: float = 50.0, max_runs: int = 10, **options: Any
    ) -> AsyncIterator[Client]:
        workspace = nika.Workspace.open(folder)
        workflows = served_workflows([folder / file for file in files] or [folder], workspace)
        runs = ServedRuns([each.path.absolute() for each in workflows.values()], max_runs)
        server = WorkflowServer(workflows, runs, wait, "5")
        try:
            async with Client(server.server, read_timeout_seconds=60, **options) as client:
                yield client
        finally:
            await runs.close()

    return serving


@pytest.fixture
def stdio() -> Callable[..., Client]:
    """Serve workflows in a process of its own, over stdio."""

    def over_stdio(folder: Path, *arguments: str, **options: Any) -> Client:
        nika_command = str(Path(sys.executable).with_name("nika"))
        environ = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "HOME", "COVERAGE"))}
        command = StdioServerParameters(command=nika_command, args=["mcp", *arguments], cwd=folder, env=environ)
        return Client(command, read_timeout_seconds=60, **options)

    return over_stdio
