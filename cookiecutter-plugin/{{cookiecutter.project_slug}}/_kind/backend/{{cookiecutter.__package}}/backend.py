"""Runs everything in the process that submits it, and keeps nothing: replace this by a durable engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from nika_core.plugin import (
    BackendRun,
    BackendSetup,
    DriverAction,
    EndRun,
    JsonObject,
    RunDriver,
    RunUpdate,
    SetTimer,
    StartWork,
    StopWork,
    Submission,
    TaskRunner,
    UsageError,
    WorkerOptions,
)

LOOK = 0.05  # seconds between two looks at a run


class {{cookiecutter.__class}}Backend:
    """Made once per command."""

    def __init__(self, setup: BackendSetup) -> None:
        self._kernel = setup.kernel
        self._submitted: dict[str, Submission] = {}
        self._drivers: dict[str, RunDriver] = {}
        self._runners: dict[str, TaskRunner] = {}
        self._results: dict[str, JsonObject] = {}
        self._works: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._timers: set[asyncio.Task[None]] = set()

    async def submit(self, submission: Submission) -> None:
        """Start a run."""
        run, definition = submission.run_id, submission.definition
        if run in self._drivers:
            raise UsageError(f"there is a run {run} already")
        self._submitted[run] = submission
        self._runners[run] = self._kernel.runner(definition)
        self._drivers[run] = self._kernel.driver(definition, time.time)
        self._do(run, self._drivers[run].start())

    def _do(self, run: str, actions: Sequence[DriverAction]) -> None:
        for action in actions:
            if isinstance(action, EndRun):
                self._results[run] = action.result
            elif isinstance(action, StartWork):
                work = self._works[run, action.id] = asyncio.create_task(self._work(run, action))
                work.add_done_callback(partial(self._lost, run, action))
            elif isinstance(action, StopWork):
                self._works[run, action.id].cancel()
            elif isinstance(action, SetTimer):
                timer = asyncio.create_task(self._time(run, action))
                self._timers.add(timer)
                timer.add_done_callback(self._timers.discard)

    def _lost(self, run: str, action: StartWork, work: asyncio.Task[None]) -> None:
        if work.cancelled():  # before its first step
            self._do(run, self._drivers[run].lost(action.id, "it was stopped"))

    async def _work(self, run: str, action: StartWork) -> None:
        end = await self._runners[run].run(action.work)
        while end.retry is not None:
            await asyncio.sleep(end.retry)
            end = await self._runners[run].run(action.work, state=end.state)
        self._do(run, self._drivers[run].ended(action.id, end.report))

    async def _time(self, run: str, action: SetTimer) -> None:
        await asyncio.sleep(action.seconds)
        self._do(run, self._drivers[run].timer_fired(action.id))

    async def events(self, run_id: str, since: int = 0) -> AsyncIterator[RunUpdate]:
        """Follow a run."""
        while True:
            result = await self.result(run_id)
            view = self._drivers[run_id].view(since)
            since += len(view["events"])
            yield RunUpdate(**view, result=result)
            if result is not None:
                return
            await asyncio.sleep(LOOK)

    async def signal(self, run_id: str, signal: JsonObject) -> None:
        """Hand a signal to a run."""
        self._do(run_id, self._driver(run_id).signal(signal))

    async def cancel(self, run_id: str, reason: str) -> None:
        """Cancel a run."""
        self._do(run_id, self._driver(run_id).cancel(reason))

    async def result(self, run_id: str) -> JsonObject | None:
        """Return the result of a run."""
        self._driver(run_id)
        return self._results.get(run_id)

    async def definition(self, run_id: str) -> JsonObject:
        """Return what was submitted."""
        self._driver(run_id)
        return self._submitted[run_id].definition

    async def runs(self, limit: int = 100) -> Sequence[BackendRun]:
        """Return nothing: no run outlives its process."""
        return []

    async def offered(self) -> Mapping[str, int]:
        """Return one worker, this process, for each keyword."""
        return dict.fromkeys(self._kernel.keywords(), 1)

    async def serve(self, options: WorkerOptions) -> None:
        """Refuse: there is nobody to work for."""
        raise UsageError("this backend has no workers", hint="runs are done where they are submitted")

    async def close(self) -> None:
        """End what is under way."""
        for task in (*self._works.values(), *self._timers):
            task.cancel()
        for runner in self._runners.values():
            await runner.close()

    def _driver(self, run_id: str) -> RunDriver:
        if run_id not in self._drivers:
            raise UsageError(f"there is no run {run_id}")
        return self._drivers[run_id]
