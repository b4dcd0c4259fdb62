"""A callback that does not return is reported; a turn of the event loop with many callbacks is not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from nika_core.app.watchdogs import STILL, StallDetector


class Looks:
    """Looks at this thread's stack from inside callbacks, on a clock that they turn themselves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stall = StallDetector(lambda: self.now)
        self.seen: list[float | None] = []

    def busy(self, seconds: float, looks: int = 1) -> None:
        """Take so long, and be looked at so often meanwhile."""
        for _ in range(looks):
            self.seen.append(self.stall.seconds(sys._getframe()))
            self.now += seconds / looks

    @property
    def reported(self) -> list[float]:
        """What was not None."""
        return [seconds for seconds in self.seen if seconds is not None]


def in_one_turn(*callbacks: Callable[[], None]) -> None:
    """Run callbacks in the same turn of an event loop."""

    async def all_ready() -> None:
        for callback in callbacks:
            asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0)

    asyncio.run(all_ready())


def test_a_turn_of_many_quick_callbacks_is_reported_as_nobodys_stall() -> None:
    looks = Looks()
    in_one_turn(*[lambda: looks.busy(STILL / 4)] * 40)
    assert looks.now == 10 * STILL
    assert len(looks.seen) == 40
    assert looks.reported == []


def test_one_callback_that_takes_too_long_is_reported_once_with_its_time() -> None:
    looks = Looks()
    in_one_turn(lambda: looks.busy(STILL / 4), lambda: looks.busy(3 * STILL, looks=12), lambda: looks.busy(0.1))
    assert looks.reported == [STILL]


def test_two_callbacks_that_take_too_long_are_reported_one_by_one() -> None:
    looks = Looks()
    in_one_turn(*[lambda: looks.busy(2 * STILL, looks=8)] * 2)
    assert looks.reported == [STILL, STILL]


def test_a_method_that_the_loop_calls_again_and_again_is_not_one_callback() -> None:
    """A reader of a socket has one handle for all that comes."""
    looks = Looks()

    async def read() -> None:
        handle = asyncio.Handle(lambda: looks.busy(STILL / 2), (), asyncio.get_running_loop())
        for _ in range(8):
            handle._run()

    asyncio.run(read())
    assert looks.reported == []


def test_an_idle_loop_is_not_reported() -> None:
    looks = Looks()
    for _ in range(20):
        looks.busy(STILL)
    assert looks.reported == []
