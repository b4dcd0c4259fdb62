"""Runs on Temporal beside the same graph written by hand: `python tests/benchmarks/bench_temporal.py [--json]`.

1,000 no-op tasks at once, and a chain of 100. Both have the same development server, and one worker in the process that
submits; ours and the other take turns, each time in a new process, after a small run that warms it up. The best run of
each counts, from its submission to its result. By hand, each activity has the same heartbeat timeout as ours, and comes
from a queue of its own, as it has to where not every worker can do every task. From the queue of the workflow itself
the SDK would hand it on without the server, in two thirds of the time.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rows import Row, duration, tell

ROUNDS = 4
CASES = {"1,000 tasks at once on Temporal": ("fan", 1000), "a chain of 100 tasks on Temporal": ("chain", 100)}
BOUND = 1.3
LIFTED = ("history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000")

Runs = Callable[[str, int], Awaitable[None]]


def program() -> str | None:
    """Return the path of `temporal`: that of NIKA_TEMPORAL_CLI, or the one that .ci/test installs."""
    own = Path(sys.prefix) / "temporal" / "bin" / "temporal"
    return os.environ.get("NIKA_TEMPORAL_CLI") or (str(own) if own.exists() else shutil.which("temporal"))


@contextmanager
def server(program: str, folder: str) -> Iterator[int]:
    """Run a server; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--db-filename", f"{folder}/temporal.db", "--log-level", "error"]
    command += [word for value in LIFTED for word in ("--dynamic-config-value", value)]
    command += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > until:
                raise SystemExit("the Temporal server did not start")
            time.sleep(0.05)
        # It listens before it knows its namespace, and a worker is faster than that.
        about = [program, "operator", "namespace", "describe", "default", "--address", f"127.0.0.1:{port}"]
        while subprocess.run(about, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > until:
                raise SystemExit("the Temporal server has no namespace")
        yield port
    finally:
        process.kill()
        process.wait()


# ---- ours


def text_of(shape: str, count: int) -> str:
    """Return the workflow."""
    if shape == "fan":
        return json.dumps({"tasks": [{"id": "many", "forEach": list(range(count)), "echo": "${each.item}"}]})
    tasks = [{"id": f"t{number}", "echo": "done"} for number in range(count)]
    flows = [{"source": f"t{number}", "target": f"t{number + 1}"} for number in range(count - 1)]
    return json.dumps({"tasks": tasks, "flows": flows})


@asynccontextmanager
async def ours(port: int, folder: Path) -> Any:
    """Yield what runs a graph with Nika."""
    import nika_core as nika
    from nika_core.plugin import WorkerOptions
    from nika_core.testing import echo

    (folder / ".git").mkdir()
    environ = {**os.environ, "NIKA_MAX_CONCURRENT": "1000", "XDG_CACHE_HOME": str(folder / "cache")}
    workspace = nika.Workspace.open(folder, environ=environ, plugins=[echo])
    backend = nika.backends.connect(f"temporal://127.0.0.1:{port}/default", workspace=workspace)
    stop, ready = asyncio.Event(), asyncio.Event()
    options = WorkerOptions(keywords=["echo"], concurrency=100, ready=ready.set, stop=stop.wait)
    serving = asyncio.ensure_future(backend.serve(options))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([waiting, serving], return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await serving  # what keeps it from working, in place of a benchmark that hangs

    async def run(shape: str, count: int) -> None:
        path = folder / "w.nika.yaml"
        path.write_text(text_of(shape, count))
        submission = nika.backends.submission(nika.prepare(path, workspace=workspace, elsewhere=True))
        begin.append(time.perf_counter())
        await backend.submit(submission)
        result = None
        async for update in backend.events(submission.run_id):
            result = update.result
        assert result is not None
        assert result["status"] == "succeeded", result

    begin: list[float] = []
    yield run, begin
    stop.set()
    await serving


# ---- by hand


try:
    from temporalio import activity, workflow
    from temporalio.client import Client
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker
except ImportError:
    activity = None  # type: ignore[assignment]  # the extra is not installed

if activity is not None:

    @activity.defn
    async def no_op(value: int) -> int:
        """Do nothing."""
        return value

    def started(value: int) -> Any:
        """Start an activity, as a run that has to go on after the death of a worker would."""
        return workflow.execute_activity(
            no_op,
            value,
            task_queue="by-hand.no-op",
            start_to_close_timeout=timedelta(days=1),
            heartbeat_timeout=timedelta(seconds=3),
        )

    @workflow.defn
    class Fan:
        """All at once."""

        @workflow.run
        async def run(self, count: int) -> list[int]:
            """Run it."""
            return list(await asyncio.gather(*(started(number) for number in range(count))))

    @workflow.defn
    class Chain:
        """One after the other."""

        @workflow.run
        async def run(self, count: int) -> list[int]:
            """Run it."""
            return [await started(number) for number in range(count)]


@asynccontextmanager
async def by_hand(port: int, folder: Path) -> Any:
    """Yield what runs a graph with the SDK alone."""
    client = await Client.connect(f"127.0.0.1:{port}")
    begin: list[float] = []

    async def run(shape: str, count: int) -> None:
        kind: Any = {"fan": Fan, "chain": Chain}[shape]
        begin.append(time.perf_counter())
        found = await client.execute_workflow(
            kind.run, count, id=f"{shape}-{os.getpid()}-{len(begin)}", task_queue="by-hand"
        )
        assert len(found) == count

    async with (
        Worker(client, task_queue="by-hand", workflows=[Fan, Chain], workflow_runner=UnsandboxedWorkflowRunner()),
        Worker(client, task_queue="by-hand.no-op", activities=[no_op], max_concurrent_activities=100),
    ):
        yield run, begin


# ---- both


async def measured(side: str, shape: str, count: int, port: int) -> float:
    """Return the seconds of one run."""
    with tempfile.TemporaryDirectory() as folder:
        async with {"ours": ours, "by-hand": by_hand}[side](port, Path(folder)) as (run, begin):
            await run(shape, 3)
            await run(shape, count)
            return time.perf_counter() - float(begin[-1])


def in_new_process(side: str, shape: str, count: int, port: int) -> float:
    """Return the same, of a process of its own."""
    command = [sys.executable, __file__, "--measure", side, shape, str(count), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{side}: {done.stderr[-3000:]}")
    return float(done.stdout.splitlines()[-1])


def rows() -> Iterator[Row]:
    """Yield a row for each graph."""
    temporal = program()
    if activity is None or temporal is None:
        missing = "the extra `temporal`" if activity is None else "the program `temporal` (.ci/test installs it)"
        print(f"Temporal is left out: there is not {missing}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder, server(temporal, folder) as port:
        for measure, (shape, count) in CASES.items():
            best = {"ours": float("inf"), "by-hand": float("inf")}
            for _ in range(ROUNDS):
                for side in best:
                    best[side] = min(best[side], in_new_process(side, shape, count, port))
            other = f"by hand: {duration(best['by-hand'])}"
            yield Row(measure, duration(best["ours"]), other, best["ours"] / best["by-hand"], BOUND)


if __name__ == "__main__":
    if "--measure" in sys.argv:
        side, shape, count, port = sys.argv[2:6]
        print(asyncio.run(measured(side, shape, int(count), int(port))))
    else:
        tell(list(rows()))
