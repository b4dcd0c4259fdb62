"""The breaker opens, probes with one call at a time, and closes; nobody's cancellation leaves it stuck."""

from __future__ import annotations

import asyncio

import pytest

from nika_core.engine.llm.breaker import Breaker, BreakerSettings, BreakerState, Permit
from nika_core.errors import Category, TaskError
from nika_core.model.limits import Limit, LimitKind, Limits, Unit


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def state_of(breaker: Breaker) -> str:
    return breaker.state


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def opened(settings: BreakerSettings | None = None) -> tuple[Breaker, Time]:
    time = Time()
    breaker = Breaker("acme", time, settings)
    for _ in range((settings or BreakerSettings()).failures):
        (await breaker.enter()).failed(Category.PROVIDER)
    assert state_of(breaker) == BreakerState.OPEN
    return breaker, time


async def test_three_failures_in_a_row_open_it_and_two_do_not() -> None:
    breaker = Breaker("acme", Time())
    for category in (Category.NETWORK, Category.TIMEOUT):
        (await breaker.enter()).failed(category)
    assert state_of(breaker) == BreakerState.CLOSED
    (await breaker.enter()).succeeded()
    for _ in range(2):
        (await breaker.enter()).failed(Category.PROVIDER)
    assert state_of(breaker) == BreakerState.CLOSED
    (await breaker.enter()).failed(Category.PROVIDER)
    assert state_of(breaker) == BreakerState.OPEN


async def test_its_refusal_says_why_the_last_call_failed() -> None:
    breaker = Breaker("acme", Time())
    for reason in ("it was slow", "it was slow", "acme cannot be reached at http://127.0.0.1:1: Connection refused"):
        (await breaker.enter()).failed(Category.NETWORK, reason)
    with pytest.raises(TaskError, match=r"3 times in a row: acme cannot be reached .* Connection refused\. It is not"):
        await breaker.enter()


@pytest.mark.parametrize("category", [Category.VALIDATION, Category.CONFIG, Category.RATE_LIMIT, Category.UNKNOWN])
async def test_what_does_not_speak_of_the_providers_health_does_not_open_it(category: Category) -> None:
    breaker = Breaker("acme", Time())
    for _ in range(10):
        (await breaker.enter()).failed(category)
    assert state_of(breaker) == BreakerState.CLOSED


async def test_open_it_refuses_at_once_and_says_for_how_long() -> None:
    breaker, time = await opened()
    time.now += 59.0
    with pytest.raises(TaskError, match=r"'acme' failed 3 times in a row\. .* in 1 s") as caught:
        await breaker.enter()
    assert caught.value.category is Category.CIRCUIT_OPEN
    assert not caught.value.retriable


async def test_after_the_cool_down_two_good_probes_close_it() -> None:
    breaker, time = await opened()
    time.now += 60.0
    for _ in range(2):
        assert state_of(breaker) != BreakerState.CLOSED
        permit = await breaker.enter()
        assert permit.probe
        permit.succeeded()
    assert state_of(breaker) == BreakerState.CLOSED


async def test_a_bad_probe_opens_it_again_for_a_whole_cool_down() -> None:
    breaker, time = await opened()
    time.now += 60.0
    (await breaker.enter()).failed(Category.NETWORK)
    time.now += 59.0
    with pytest.raises(TaskError):
        await breaker.enter()


async def test_exactly_one_probe_goes_however_many_wait() -> None:
    breaker, time = await opened()
    time.now += 60.0
    going: list[Permit] = []

    async def call() -> None:
        going.append(await breaker.enter())

    tasks = [asyncio.create_task(call()) for _ in range(50)]
    await settled()
    assert len(going) == 1
    going[0].succeeded()
    await settled()
    assert len(going) == 2  # the second probe, still alone
    going[1].succeeded()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert (len(going), state_of(breaker)) == (50, BreakerState.CLOSED)


async def test_a_bad_probe_refuses_all_who_wait() -> None:
    breaker, time = await opened()
    time.now += 60.0
    probe = await breaker.enter()
    tasks = [asyncio.create_task(breaker.enter()) for _ in range(20)]
    await settled()
    probe.failed(Category.PROVIDER)
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert {r.category for r in results if isinstance(r, TaskError)} == {Category.CIRCUIT_OPEN}
    assert len(results) == 20


async def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    breaker, time = await opened()
    time.now += 60.0
    probe = await breaker.enter()
    waiting = asyncio.create_task(breaker.enter())
    await settled()
    assert not waiting.done()
    probe.abandoned()
    assert (await asyncio.wait_for(waiting, 5)).probe


@pytest.mark.parametrize("first", ["cancel", "wake"])
async def test_a_waiter_that_is_cancelled_as_it_is_woken_passes_the_probe_on(first: str) -> None:
    breaker, time = await opened()
    time.now += 60.0
    probe = await breaker.enter()
    waiters = [asyncio.create_task(breaker.enter()) for _ in range(2)]
    await settled()
    if first == "cancel":
        waiters[0].cancel()
        probe.succeeded()
    else:
        probe.succeeded()
        waiters[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiters[0]
    assert (await asyncio.wait_for(waiters[1], 5)).probe


async def test_calls_from_before_it_opened_change_nothing_when_they_end() -> None:
    time = Time()
    breaker = Breaker("acme", time)
    late = [await breaker.enter() for _ in range(3)]
    for _ in range(3):
        (await breaker.enter()).failed(Category.PROVIDER)
    time.now += 30.0
    late[0].succeeded()
    late[1].failed(Category.PROVIDER)
    assert state_of(breaker) == BreakerState.OPEN
    time.now += 30.0
    await breaker.enter()  # the late failure did not start the cool-down again
    late[2].failed(Category.PROVIDER)
    assert state_of(breaker) == BreakerState.HALF_OPEN


async def test_a_probe_that_is_told_no_has_found_the_provider_alive() -> None:
    breaker, time = await opened()
    time.now += 60.0
    for category in (Category.RATE_LIMIT, Category.VALIDATION):
        (await breaker.enter()).failed(category)
    assert state_of(breaker) == BreakerState.CLOSED


async def test_a_permit_ends_once() -> None:
    breaker = Breaker("acme", Time(), BreakerSettings(failures=2))
    permit = await breaker.enter()
    permit.failed(Category.PROVIDER)
    permit.failed(Category.PROVIDER)
    assert state_of(breaker) == BreakerState.CLOSED


async def test_everything_is_configurable() -> None:
    breaker, time = await opened(BreakerSettings(failures=1, successes=1, cool_down=5.0))
    time.now += 5.0
    (await breaker.enter()).succeeded()
    assert state_of(breaker) == BreakerState.CLOSED


def test_its_settings_come_from_the_limit_policies() -> None:
    assert BreakerSettings.of(Limits()) == BreakerSettings(3, 2, 60.0)
    limits = Limits(
        [
            Limit(LimitKind.BREAKER_FAILURES, 5, Unit.COUNT, "NIKA_BREAKER_FAILURES"),
            Limit(LimitKind.BREAKER_SECONDS, 0, Unit.SECONDS, "NIKA_BREAKER_COOLDOWN"),
            Limit(LimitKind.BREAKER_SUCCESSES, 1, Unit.COUNT, "NIKA_BREAKER_SUCCESSES"),
        ]
    )
    assert BreakerSettings.of(limits) == BreakerSettings(5, 1, 0.0)
