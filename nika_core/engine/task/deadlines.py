"""Many deadlines, one sleeper: a timeout per attempt costs a heap entry, not a task."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from nika_core.model.clock import Clock


class Deadline:
    """A function that is called once its time has come, unless `cancel` was called before."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Deadlines:
    """Calls functions at their time, in the order of their times, on the event loop. `close` it at the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Deadline]] = []
        self._numbers = count()
        self._sleeper: asyncio.Task[None] | None = None
        self._until = float("inf")

    def now(self) -> float:
        """Return the seconds on the clock that deadlines are measured by."""
        return self._clock.monotonic()

    def add(self, seconds: float, call: Callable[[], None]) -> Deadline:
        """Call `call` after `seconds`."""
        deadline = Deadline(call)
        when = self._clock.monotonic() + seconds
        heapq.heappush(self._heap, (when, next(self._numbers), deadline))
        if self._sleeper is None or when < self._until:
            self._sleep_until(when)
        return deadline

    def close(self) -> asyncio.Task[None] | None:
        """Forget all. Return the sleeper, cancelled, so that its end can be awaited."""
        self._heap.clear()
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.cancel()
        return sleeper

    def _sleep_until(self, when: float) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._until = when
        self._sleeper = asyncio.get_running_loop().create_task(self._run(when))

    async def _run(self, when: float) -> None:
        me = asyncio.current_task()
        while True:
            await self._clock.sleep(max(0.0, when - self._clock.monotonic()))
            now = self._clock.monotonic()
            while self._heap and (self._heap[0][0] <= now or self._heap[0][2].call is None):
                call = heapq.heappop(self._heap)[2].call
                if call is not None:
                    call()
            if self._sleeper is not me:  # what was called has set an earlier one, or closed everything
                return
            if not self._heap:
                self._sleeper = None
                self._until = float("inf")
                return
            when = self._until = self._heap[0][0]
