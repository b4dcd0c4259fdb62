"""Time by hand."""

import asyncio

from nika_core.testing.clock import ManualClock, wait_until_idle


async def test_time_stands_still_until_it_is_advanced():
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(1))
    await wait_until_idle()
    assert not task.done()
    await clock.advance(0.999)
    assert not task.done()
    await clock.advance(0.001)
    assert task.done()
    assert (clock.monotonic(), clock.time() - ManualClock().time()) == (1.0, 1.0)


async def test_sleepers_wake_at_their_own_time_in_its_order():
    clock = ManualClock()
    woken = []

    async def sleeper(name, *naps):
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper("a", 3, 3)), asyncio.create_task(sleeper("b", 2, 2, 1))]
    await clock.advance(10)
    assert woken == [("b", 2), ("a", 3), ("b", 4), ("b", 5), ("a", 6)]
    assert clock.monotonic() == 10
    await asyncio.gather(*tasks)


async def test_time_jumps_to_the_next_sleeper_when_nothing_else_is_left_to_do():
    clock = ManualClock()

    async def day():
        for _ in range(24):
            await clock.sleep(3600)
        return clock.monotonic()

    assert await clock.run(day()) == 86400


async def test_a_cancelled_sleeper_holds_nothing_up():
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5))
    await wait_until_idle()
    task.cancel()
    await clock.advance(10)
    assert task.cancelled()
