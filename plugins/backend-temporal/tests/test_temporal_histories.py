"""Histories: recorded ones lead to the same decisions, and a long one is continued in a new one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nika_backend_temporal import names, workflow
from nika_backend_temporal.address import Address
from nika_backend_temporal.connecting import connect
from nika_backend_temporal.kernels import use_kernel
from nika_backend_temporal.large_payloads import LargePayloads
from temporalio.client import WorkflowHandle
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import nika_core as nika
from nika_core.app.backend.kernel import Kernel
from nika_core.plugin import WorkerOptions
from nika_core.testing import backend_checks
from nika_core.testing.backend_checks import BackendRuns

pytestmark = [pytest.mark.alone, pytest.mark.xdist_group("temporal")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that belongs to no project."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@asynccontextmanager
async def worker_here(url: str, folder: Path) -> AsyncIterator[Any]:
    """Be a worker in this process; yields a connection to the backend."""
    workspace = nika.Workspace.open(folder)
    backend = nika.backends.connect(url, workspace=workspace)
    stop, ready = asyncio.Event(), asyncio.Event()
    options = WorkerOptions(
        keywords=nika.backends.keywords(workspace=workspace), concurrency=5, ready=ready.set, stop=stop.wait
    )
    serving = asyncio.ensure_future(backend.serve(options))
    await ready.wait()
    try:
        yield backend
    finally:
        stop.set()
        await serving


async def handle_of(url: str, run_id: str) -> WorkflowHandle[Any, Any]:
    client = await connect(Address(url, {}), LargePayloads(None))
    return client.get_workflow_handle(run_id)


async def run(backend: Any, runs: BackendRuns, text: str) -> Any:
    submission = nika.backends.submission(runs.prepared(text))
    await backend.submit(submission)
    async for update in backend.events(submission.run_id):
        if update.result is not None:
            return submission.run_id, nika.backends.result(update.result)
    raise AssertionError


async def test_a_recorded_history_leads_to_the_same_decisions(own_server: Any, folder: Path) -> None:
    runs = BackendRuns(own_server.url, folder)
    async with worker_here(own_server.url, folder) as backend:
        run_id, result = await run(backend, runs, backend_checks.EVERYTHING)
    history = await (await handle_of(own_server.url, run_id)).fetch_history()

    use_kernel(Kernel(nika.Workspace.open(folder)))  # a new one, which knows nothing of the run
    replayer = Replayer(workflows=[workflow.NikaRun], workflow_runner=UnsandboxedWorkflowRunner())
    replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)

    assert result.succeeded
    assert replayed.replay_failure is None


async def test_a_long_history_is_continued_in_a_new_one(
    own_server: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_HISTORY", 40)
    items = json.dumps(list(range(1, 19)))
    text = f"tasks:\n  - id: many\n    forEach: {{items: {items}, maxConcurrent: 3}}\n"
    text += "    shell: 'echo item ${each.item}'\n"

    async with worker_here(own_server.url, folder) as backend:
        run_id, result = await run(backend, BackendRuns(own_server.url, folder), text)
    description = await (await handle_of(own_server.url, run_id)).describe()

    assert result.task("many").output == [f"item {number}" for number in range(1, 19)]
    assert description.raw_description.workflow_execution_info.first_run_id != description.run_id
    assert description.history_length < 120
    assert description.workflow_type == names.WORKFLOW
