"""Many starts at once leave the event loop to others in between."""

import asyncio
import time

from nika_core.engine.fair_turns import SLICE, FairTurns


async def started(turns, busy, names):
    """In which turn of the loop each came to start, with `busy` seconds of work for each start."""
    loop_turns, order, over = 0, {}, False

    def turn():
        nonlocal loop_turns
        loop_turns += 1
        if not over:
            asyncio.get_running_loop().call_soon(turn)

    async def start(name):
        await turns.acquire()
        order[name] = loop_turns
        until = time.perf_counter() + busy
        while time.perf_counter() < until:
            pass

    turn()
    await asyncio.gather(*map(start, names))
    over = True
    return order


async def test_long_starts_have_a_turn_each_in_the_order_of_asking():
    order = await started(FairTurns(), 1.2 * SLICE, range(12))
    assert list(order) == list(range(12))
    assert len(set(order.values())) == 12


async def test_quick_starts_that_come_one_by_one_wait_for_nothing():
    turns = FairTurns()
    await turns.acquire()
    turns._until = asyncio.get_running_loop().time() + 60
    waiting = turns.acquire()
    try:
        waiting.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


async def test_one_that_is_cancelled_while_it_waits_holds_up_nobody():
    turns = FairTurns()
    tasks = [asyncio.create_task(turns.acquire()) for _ in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[2].cancel()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [each is None for each in ended] == [False, True, False, True, True]
    assert turns._waiting == 0
