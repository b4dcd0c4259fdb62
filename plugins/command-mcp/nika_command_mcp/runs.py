"""The runs that clients have started. They go on if a client goes away; all end with the server."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_core import Event, EventKind, NikaError, RunResult, UsageError

_KEPT: Final = 1000  # ended runs that are remembered; history has all
_ENDS: Final = frozenset(
    {EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED, EventKind.TASK_REUSED}
)
_START_SECONDS: Final = 30.0  # for a run to say its id


class ServedRun:
    """One run.

    Attributes:
        run_id: its id, as history has it; "" until it has begun.
        done, total: how many of the workflow's own tasks have ended, and how many there are.
        result: how it has ended; None: it goes on.
        changed: set when something of it has changed, and cleared by those that wait.
    """

    def __init__(self, total: int, mask: Callable[[Any], Any]) -> None:
        self.run_id = ""
        self.total = total
        self.result: RunResult | None = None
        self.error: NikaError | None = None
        self.mask = mask
        self.changed = asyncio.Event()
        self.work: asyncio.Task[None] | None = None
        self.cancel: Callable[[], None] = lambda: None
        self._states: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()

    @property
    def done(self) -> int:
        return sum(self._states.values())

    def on_event(self, event: Event) -> None:
        """Take an event, in any thread."""
        self._loop.call_soon_threadsafe(self._take, event.run_id, event.kind, event.task)

    def _take(self, run_id: str, kind: str, task: str | None) -> None:
        self.run_id = self.run_id or run_id
        if kind in _ENDS and task is not None and "[" not in task and "/" not in task and "@" not in task:
            self._states[task] = 1
        self.changed.set()


class ServedRuns:
    """All runs of one server."""

    def __init__(self, folder: Path, most: int) -> None:
        """Prepare.

        Args:
            folder: whose project keeps the history.
            most: how many runs may be under way at once.
        """
        self.folder = folder
        self._most = most
        self._runs: dict[str, ServedRun] = {}
        self._starting = 0

    async def start(self, path: Path, inputs: dict[str, Any]) -> ServedRun:
        """Start a run, and return it once it has an id, or has ended. Raise NikaError."""
        under_way = self._starting + sum(run.result is None and run.error is None for run in self._runs.values())
        if under_way >= self._most:
            raise UsageError(
                f"{under_way} runs are under way, as many as this server allows",
                hint="wait for one of them (nika_result), or cancel one (nika_cancel)",
            )
        self._starting += 1
        try:
            key = f"mcp-{secrets.token_hex(8)}"  # with a key, history keeps the result
            prepared = await asyncio.to_thread(nika.prepare, path, inputs=inputs, key=key)
            assert prepared.workflow is not None
            run = ServedRun(len(prepared.workflow.tasks), prepared.masker.json)
            execution = nika.start(prepared, on_event=[run.on_event])
            run.cancel = lambda: execution.cancel("cancelled by the client")
            await self._carry_out(run, execution.run())
        finally:
            self._starting -= 1
        if run.error is not None:
            raise run.error
        self._runs[run.run_id] = run
        self._forget()
        return run

    async def resume(self, run_id: str) -> ServedRun:
        """Go on with a run that was paused. Raise NikaError."""
        before = self._runs.get(run_id)
        run = ServedRun(0 if before is None else before.total, (lambda value: value) if before is None else before.mask)
        run.run_id = run_id
        work = nika.aresume(run_id, folder=self.folder, on_event=run.on_event)
        self._runs[run_id] = run
        await self._carry_out(run, work)
        assert run.work is not None
        run.cancel = partial(_cancel, run.work)
        return run

    async def _carry_out(self, run: ServedRun, work: Coroutine[Any, Any, RunResult]) -> None:
        async def end() -> None:
            try:
                run.result = await work
                run.run_id = run.run_id or run.result.run_id
            except NikaError as error:
                run.error = error
            finally:
                run.changed.set()

        run.work = asyncio.create_task(end())
        while not run.run_id and not run.work.done():
            run.changed.clear()
            await asyncio.wait_for(run.changed.wait(), _START_SECONDS)

    def find(self, run_id: str) -> ServedRun | None:
        """Return a run that this server has started."""
        return self._runs.get(run_id)

    def earlier(self, run_id: str) -> tuple[str, RunResult | None]:
        """Return the status of a run of this project that another process has started, and its result if it has one.

        Raise JournalError.
        """
        recorded = nika.runs.get(run_id, folder=self.folder, large_outputs=False)
        return recorded.status, nika.runs.kept_result(recorded.run_id, folder=self.folder)

    async def close(self) -> None:
        """Cancel what is under way, and wait for its end; it can be resumed."""
        runs = [run for run in self._runs.values() if run.work is not None and not run.work.done()]
        for run in runs:
            run.cancel()
        await asyncio.gather(*(run.work for run in runs if run.work is not None), return_exceptions=True)

    def _forget(self) -> None:
        ended = [run_id for run_id, run in self._runs.items() if run.result is not None or run.error is not None]
        for run_id in ended[: max(0, len(self._runs) - _KEPT)]:
            del self._runs[run_id]


def _cancel(work: asyncio.Task[None]) -> None:
    work.cancel()
