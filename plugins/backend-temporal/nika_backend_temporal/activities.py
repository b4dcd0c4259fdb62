"""The one type of activity: an attempt of a task, on this worker, with heartbeats that carry its state."""

from __future__ import annotations

import asyncio
import contextvars
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from nika_backend_temporal import names
from nika_backend_temporal.histories import definition_in
from nika_backend_temporal.large_payloads import MOST, size_of
from nika_backend_temporal.live_text import LiveText
from nika_backend_temporal.other_loop import OtherLoop
from nika_core.plugin import BackendKernel, Json, NikaError, TaskRunner, WorkEnd

_BEAT: Final = 1.0  # seconds between two heartbeats
_IDLE: Final = 120.0  # seconds after which what a run has opened here is closed
_MOST_STATE: Final = 200_000  # bytes of what was paid in a heartbeat, if large values do not travel


class Works:
    """Does works in another loop, and tells the server of each that it goes on."""

    def __init__(self, client: Client, kernel: BackendKernel, loop: OtherLoop, own_queue: str, *, large: bool) -> None:
        self._client = client
        self._kernel = kernel
        self._loop = loop
        self._own_queue = own_queue
        self._large = large
        self._runners: dict[str, asyncio.Task[TaskRunner]] = {}
        self._used: dict[str, float] = {}
        self._busy: dict[str, int] = {}
        self._at_home: set[str] = set()  # the runs some of whose tasks stay here

    @activity.defn(name=names.HOME)
    async def home(self) -> str:
        """Return this worker's own queue: tasks that share what they open are given to it."""
        return self._own_queue

    @activity.defn(name=names.WORK)
    async def work(self, work: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make one attempt, and return its report.

        Args:
            before: the state and the number of attempts of a worker that was lost, if this is another activity.
        """
        info = activity.info()
        run = info.workflow_id or ""
        before = before or {"state": None, "attempts": 0}
        state: Json = info.heartbeat_details[0] if info.heartbeat_details else before["state"]
        if info.task_queue == self._own_queue:
            self._at_home.add(run)
        kept: list[Json] = [state]
        live = LiveText(info.attempt + before["attempts"])
        here, context = asyncio.get_running_loop(), contextvars.copy_context()

        async def settle() -> None:
            async def sent() -> None:
                await here.create_task(self._sent(info.task_token, kept), context=context)

            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sent(), here))

        stop = asyncio.create_task(self._beat(kept, live))
        self._busy[run] = self._busy.get(run, 0) + 1
        try:
            try:
                runner = await self._runner(run, info.workflow_run_id or "")
            except NikaError as error:  # this worker cannot: perhaps another one can
                raise ApplicationError(_text(error), type=error.code) from None
            end = await self._loop.run(
                lambda: runner.run(
                    work,
                    attempt=info.attempt + before["attempts"],
                    state=state,
                    keep=lambda new: kept.__setitem__(0, new),
                    settle=settle,
                    max_bytes=None if self._large else MOST,
                    show=live.take,
                )
            )
        finally:
            stop.cancel()
            self._busy[run] -= 1
            self._used[run] = time.monotonic()
        if activity.is_worker_shutdown() and _was_cancelled(end):
            raise ApplicationError("the worker was shut down")
        if end.retry is not None:
            activity.heartbeat(end.state)
            raise ApplicationError(end.message, next_retry_delay=timedelta(seconds=max(end.retry, 0.001)))
        return dict(end.report)

    async def _beat(self, kept: list[Json], live: LiveText) -> None:
        while True:  # most tasks of a long list have ended before the first one, which the server need not hear then
            await asyncio.sleep(_BEAT)
            activity.heartbeat(self._small(kept[0]), live.details())

    async def _sent(self, token: bytes, kept: list[Json]) -> None:
        """Return when the server has the state. Raise RuntimeError if it has given the work to another worker."""
        handle = self._client.get_async_activity_handle(task_token=token)
        while True:
            state = self._small(kept[0])
            activity.heartbeat(state)  # it takes the place of an older one that waits to be sent, and tells nobody when
            try:
                await handle.heartbeat(state)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    raise RuntimeError("another worker does this task now") from None
                await asyncio.sleep(_BEAT)  # the server is away: nothing is done before it is back
            except AsyncActivityCancelledError:
                return
            else:
                return

    def _small(self, state: Any) -> Json:
        """Without what was paid for and is large, if that does not travel: it is paid for again, and charged."""
        if state is None or self._large or len(str(state)) <= _MOST_STATE:
            return state  # type: ignore[no-any-return]  # it is JSON
        room, memo = _MOST_STATE, []
        for entry in sorted(state["memo"], key=size_of):
            room -= size_of(entry)
            if room >= 0:
                memo.append(entry)
        return {**state, "memo": memo}

    # ---- runs

    async def _runner(self, run: str, first: str) -> TaskRunner:
        making = self._runners.get(run)
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = self._runners[run] = asyncio.create_task(self._make(run, first))
        return await asyncio.shield(making)

    async def _make(self, run: str, first: str) -> TaskRunner:
        handle = self._client.get_workflow_handle(run, run_id=first)
        definition = await definition_in(self._client, handle)

        async def make() -> TaskRunner:
            return await asyncio.to_thread(self._kernel.runner, definition)

        return await self._loop.run(make)

    async def close_idle(self) -> None:
        """Close what runs have opened here that have done nothing for a while."""
        while True:
            await asyncio.sleep(_IDLE / 4)
            now = time.monotonic()
            for run, used in list(self._used.items()):
                if self._busy.get(run) or now - used <= _IDLE:
                    continue
                if run not in self._at_home or await self._has_ended(run):
                    await self._close(run)

    async def _has_ended(self, run: str) -> bool:
        with suppress(RPCError):
            description = await self._client.get_workflow_handle(run).describe()
            return description.status is not WorkflowExecutionStatus.RUNNING
        return False

    async def close(self) -> None:
        """Close everything."""
        for run in list(self._runners):
            await self._close(run)

    async def _close(self, run: str) -> None:
        making = self._runners.pop(run, None)
        self._used.pop(run, None)
        self._busy.pop(run, None)
        self._at_home.discard(run)
        if making is None:
            return
        with suppress(Exception):
            runner = await making
            await self._loop.run(runner.close)


def _was_cancelled(end: WorkEnd) -> bool:
    outcome = (end.report.get("event") or {}).get("outcome") or {}
    return bool((outcome.get("failure") or {}).get("category") == "cancelled")


def _text(error: NikaError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
