"""The one type of Temporal workflow: a loop that does what the driver says, in order, and waits in one place."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, TimeoutType
from temporalio.exceptions import TimeoutError as TimedOut

from nika_backend_temporal import names
from nika_backend_temporal.kernels import the_kernel
from nika_backend_temporal.large_payloads import MOST, size_of
from nika_core.plugin import (
    ClearTimer,
    DriverAction,
    EndRun,
    JsonObject,
    RunDriver,
    SetTimer,
    StartWork,
    StopWork,
)

HEARTBEAT: Final = timedelta(seconds=3)
_LONGEST: Final = timedelta(days=365)  # the attempt's own timeout is kept by the worker
_HOME_GONE: Final = timedelta(seconds=10)  # after which a worker that does not take its task has gone
_NEVER_STARTED: Final = TimeoutType.SCHEDULE_TO_START
_PENDING: Final = 1000  # activities at once: with 2,000 a run hangs
_HISTORY: Final = 10_000  # events, after which the run goes on with a new history
_LONGEST_HISTORY: Final = 40_000  # events, after which nothing is started any more; the server ends a run at 51,200
_DRAINING: Final = 60.0  # seconds that what is under way has to end before more is started in the old history
_AT_ONCE: Final = 1_000_000  # bytes of works that are started in one step: the server takes 4 MB
_LOST: Final = 20  # attempts of one work, after which its workers are given up
_SHOWN: Final = 500_000  # bytes of events in one view
_LAST: Final = 64_000  # bytes of the last events, which the result has with it

_Step = Callable[[], Sequence[DriverAction]]


@workflow.defn(name=names.WORKFLOW)
class NikaRun:
    """One run."""

    def __init__(self) -> None:
        self._driver: RunDriver | None = None
        self._inbox: deque[_Step] = deque()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._homes: dict[str, asyncio.Future[Any]] = {}  # queues of workers, by what stays with them
        self._queued: dict[str, StartWork] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._result: JsonObject | None = None
        self._large = False
        self._bound = _HISTORY
        self._draining = self._given_up = False
        self._step, self._sent = 0, 0  # the length of the history at this step, and the bytes that were started in it

    @workflow.run
    async def run(self, start: dict[str, Any]) -> dict[str, Any]:
        """Run to the end, and return the result."""
        definition, snapshot = start["definition"], start.get("snapshot")
        for name, queue in start.get("homes", {}).items():
            home = self._homes[name] = asyncio.get_running_loop().create_future()
            home.set_result(queue)
        self._large = bool(start.get("large", definition["shared"] is not None))  # runs of earlier versions do not say
        self._driver = driver = the_kernel().driver(definition, lambda: workflow.now().timestamp(), snapshot)
        self._do(driver.start() if snapshot is None else driver.resume())
        while True:
            while self._inbox and self._result is None:
                self._do(self._inbox.popleft()())
            if self._result is None and self._full() and not self._under_way:
                self._go_on_with_new_history(definition)
            if self._result is not None:
                break
            self._start_queued()
            self._drain()
            await workflow.wait_condition(lambda: bool(self._inbox))
        for timer in self._timers.values():
            timer.cancel()
        return {**self._fitting(self._result), names.LAST_EVENTS: self._last_events()}

    @workflow.signal(name=names.SIGNAL)
    def signal(self, signal: dict[str, Any]) -> None:
        """Take a signal."""
        self._inbox.append(lambda: self._of_driver().signal(signal))

    @workflow.signal(name=names.CANCEL)
    def cancel(self, reason: str) -> None:
        """Cancel the run."""
        self._inbox.append(lambda: self._of_driver().cancel(reason))

    @workflow.query(name=names.VIEW)
    def view(self, since: int) -> dict[str, Any]:
        """Return what people are shown."""
        if self._driver is None:
            return {"events": [], "waiting": [], "idle": False}
        view = dict(self._driver.view(since))
        events: list[JsonObject] = []
        size = 0
        for event in view["events"]:
            size += size_of(event)
            if size > _SHOWN and events:
                break
            events.append(event if size <= _SHOWN else {**event, "data": {"withheld": True}})
        return {**view, "events": events, "more": len(events) < len(view["events"])}

    # ---- actions

    def _of_driver(self) -> RunDriver:
        assert self._driver is not None
        return self._driver

    def _do(self, actions: Sequence[DriverAction]) -> None:
        for action in actions:
            match action:
                case StartWork():
                    self._queued[action.id] = action
                case StopWork(id_, reason):
                    self._stop(id_, reason)
                case SetTimer(id_, seconds):
                    self._stop_timer(id_)
                    self._timers[id_] = asyncio.create_task(self._time(id_, seconds))
                case ClearTimer(id_):
                    self._stop_timer(id_)
                case EndRun(result):
                    self._result = result

    def _start_queued(self) -> None:
        while self._queued and len(self._under_way) < _PENDING and not self._full():
            action = self._queued.pop(next(iter(self._queued)))
            size = size_of(action.work)
            if not self._room(size):
                self._queued = {action.id: action, **self._queued}
                break
            if size > MOST and not self._large:
                message = f"what it is given has {size:,} bytes, and at most {MOST:,} travel without a shared folder"
                self._lose(action.id, f"{message} (--shared DIR)")
                continue
            task = self._under_way[action.id] = asyncio.create_task(self._work(action))
            self._watchers.add(task)
            task.add_done_callback(partial(self._left, action.id))

    def _left(self, id_: str, task: asyncio.Task[None]) -> None:
        self._watchers.discard(task)
        if task.cancelled():  # before its first step
            del self._under_way[id_]
            self._lose(id_, "the run was cancelled")

    async def _work(self, action: StartWork) -> None:
        id_, before = action.id, None
        try:
            while True:
                queue = await self._queue(action)
                handle = self._begin(action, queue, before)
                try:
                    report = await handle
                    break
                except ActivityError as error:
                    lost = error.cause
                    if not (action.stays_with and isinstance(lost, TimedOut) and lost.type is _NEVER_STARTED):
                        raise
                    self._homes.pop(action.stays_with, None)  # nobody is at home any more
                    details = lost.last_heartbeat_details
                    attempts = 1 if details else 0
                    before = {"state": details[0] if details else None, "attempts": attempts}
        except ActivityError as error:
            del self._under_way[id_]
            self._lose(id_, _why_lost(error))
        except asyncio.CancelledError:
            del self._under_way[id_]
            self._lose(id_, "the run was cancelled")
        else:
            del self._under_way[id_]
            self._inbox.append(lambda: self._of_driver().ended(id_, report))

    def _begin(self, action: StartWork, queue: str, before: JsonObject | None) -> workflow.ActivityHandle[Any]:
        return workflow.start_activity(
            names.WORK,
            args=[action.work] if before is None else [action.work, before],
            activity_id=action.id,
            task_queue=queue,
            start_to_close_timeout=_LONGEST,
            schedule_to_start_timeout=_HOME_GONE if action.stays_with else None,
            heartbeat_timeout=HEARTBEAT,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=_retry_policy(action.work),
        )

    async def _queue(self, action: StartWork) -> str:
        """Return the queue for work: that of its keyword, or of the one worker that it stays with."""
        shared = names.queue_of(action.keyword)
        if not action.stays_with:
            return shared
        home = self._homes.get(action.stays_with)
        if home is None or (home.done() and (home.cancelled() or home.exception() is not None)):
            asking = workflow.execute_activity(names.HOME, task_queue=shared, start_to_close_timeout=_HOME_GONE)
            home = self._homes[action.stays_with] = asyncio.create_task(asking)
        return str(await asyncio.shield(home))

    def _lose(self, id_: str, message: str) -> None:
        self._inbox.append(lambda: self._of_driver().lost(id_, message))

    def _stop(self, id_: str, reason: str) -> None:
        if self._queued.pop(id_, None) is not None:
            self._lose(id_, reason)
        elif id_ in self._under_way:
            self._under_way[id_].cancel()

    async def _time(self, id_: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        del self._timers[id_]
        self._inbox.append(lambda: self._of_driver().timer_fired(id_))

    def _stop_timer(self, id_: str) -> None:
        timer = self._timers.pop(id_, None)
        if timer is not None:
            timer.cancel()

    # ---- what the server bounds

    def _full(self) -> bool:
        return workflow.info().get_current_history_length() >= self._bound

    def _drain(self) -> None:
        """Wait some time for what is under way if the history is full; then go on in the old one."""
        if not (self._queued and self._full() and self._bound < _LONGEST_HISTORY) or self._draining:
            return
        self._draining = True

        async def later() -> None:
            await asyncio.sleep(_DRAINING)
            self._draining = False
            self._bound = min(self._bound + _HISTORY, _LONGEST_HISTORY)
            self._inbox.append(list)

        self._keep(asyncio.create_task(later()))

    def _room(self, size: int) -> bool:
        """Return whether more may be started in this step; if not, another step comes at once."""
        length = workflow.info().get_current_history_length()
        if length != self._step:
            self._step, self._sent = length, 0
        if self._sent and self._sent + size > _AT_ONCE:
            self._look_again(0.001)
            return False
        self._sent += size
        return True

    def _look_again(self, seconds: float) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            self._inbox.append(list)

        self._keep(asyncio.create_task(later()))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    def _go_on_with_new_history(self, definition: dict[str, Any]) -> None:
        """Go on with a new history; if the run's state does not travel, with this one, as long as it lasts."""
        homes = {name: home.result() for name, home in self._homes.items() if home.done() and not home.exception()}
        start = {
            "definition": definition,
            "large": self._large,
            "snapshot": self._of_driver().snapshot(),
            "homes": homes,
        }
        size = size_of(start)
        if self._large or size <= MOST:
            workflow.continue_as_new(start)
        elif self._bound < _LONGEST_HISTORY:
            self._bound = _LONGEST_HISTORY
        elif not self._given_up:
            self._given_up = True
            message = f"its history is full, and its state has {size:,} bytes: at most {MOST:,} travel to a new one"
            self._do(self._of_driver().cancel(f"{message} without a shared folder (--shared DIR)"))

    def _last_events(self) -> list[JsonObject]:
        """Return the last events: asking a run for them that has ended makes a worker replay its whole history."""
        events: list[JsonObject] = []
        room = _LAST
        for event in reversed(self._of_driver().view(0)["events"]):
            room -= size_of(event)
            if room < 0:
                break
            events.append(event)
        return events[::-1]

    def _fitting(self, result: JsonObject) -> JsonObject:
        if self._large or size_of(result) <= MOST:
            return result
        tasks = [{name: value for name, value in task.items() if name != "output"} for task in result["tasks"]]
        result = {**result, "tasks": tasks, "withheld": True}
        if size_of(result) > MOST:
            result = {name: value for name, value in result.items() if name != "output"}
        return result


def _retry_policy(work: JsonObject) -> RetryPolicy:
    """Say how often work is done again: what failed says when itself; else its worker was lost."""
    own = (work.get("call") or {}).get("retry", {}).get("max") or 0
    return RetryPolicy(
        initial_interval=timedelta(seconds=0.1),
        backoff_coefficient=2.0,
        maximum_interval=timedelta(seconds=10),
        maximum_attempts=_LOST + own,
    )


def _why_lost(error: ActivityError) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = str(cause)
    if "eartbeat" in text:
        return f"its workers were lost {_LOST} times"
    return f"its worker could not do it: {text}"
