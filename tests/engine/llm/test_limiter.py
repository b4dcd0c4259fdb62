"""Rates hold on the clock that is passed in, in the order of arrival."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.engine.llm.limiter import Limiter


class Time:
    """Sleeping turns it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


class Stopped(Time):
    """Sleeping never ends."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_without_rates_nobody_waits() -> None:
    time = Time()
    limiter = Limiter(time)
    for _ in range(1000):
        await limiter.acquire(10**9)
    assert time.now == 1000.0


async def test_a_minutes_worth_goes_at_once_and_the_next_call_waits_for_its_share() -> None:
    time = Time()
    limiter = Limiter(time, requests_per_minute=60)
    for _ in range(60):
        await limiter.acquire(1)
    assert time.now == 1000.0
    await limiter.acquire(1)
    assert time.now == pytest.approx(1001.0)


async def test_tokens_are_limited_by_their_number() -> None:
    time = Time()
    limiter = Limiter(time, tokens_per_minute=6000)
    await limiter.acquire(6000)
    await limiter.acquire(3000)
    assert time.now == pytest.approx(1030.0)


async def test_a_call_above_a_minutes_worth_goes_alone_and_is_paid_for_afterwards() -> None:
    time = Time()
    limiter = Limiter(time, tokens_per_minute=600)
    await limiter.acquire(1200)
    assert time.now == 1000.0
    await limiter.acquire(300)
    assert time.now == pytest.approx(1090.0)


async def test_a_cancelled_wait_takes_nothing_and_lets_the_next_one_on() -> None:
    time = Stopped()
    limiter = Limiter(time, requests_per_minute=1)
    await limiter.acquire(1)
    waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    time.now += 60.0
    await asyncio.wait_for(limiter.acquire(1), 5)


async def test_calls_go_in_the_order_in_which_they_came() -> None:
    limiter = Limiter(Time(), tokens_per_minute=100)
    order: list[int] = []

    async def call(number: int) -> None:
        await limiter.acquire(90 if number % 2 else 10)
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert order == list(range(20))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 80), min_size=1, max_size=40))
def test_no_minute_sees_more_than_two_minutes_worth(sizes: list[int]) -> None:
    async def play() -> None:
        time = Time()
        limiter = Limiter(time, tokens_per_minute=100)
        gone: list[tuple[float, int]] = []
        for size in sizes:
            await limiter.acquire(size)
            gone.append((time.now, size))
        for start, _ in gone:
            assert sum(size for at, size in gone if start <= at < start + 60) <= 200 + 1e-3

    asyncio.run(play())
