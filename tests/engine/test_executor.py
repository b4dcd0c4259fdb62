"""Tasks that never wait follow one another in one Task of the event loop, and nobody else can tell."""

import asyncio
import contextlib
from contextvars import ContextVar

import pytest

from nika_core.engine.local import executor as runners
from nika_core.engine.local.host import Run
from nika_core.errors import Category, TaskError
from nika_core.model.clock import SystemClock
from nika_core.model.state import RunStatus
from nika_core.model.workflow import Retry

NAMES = " ".join(f"t{number}" for number in range(50))


async def test_tasks_that_never_wait_share_a_task_of_the_event_loop(lab):
    ran_in = set()

    async def step(payload, context):
        ran_in.add(asyncio.current_task())

    result = await lab.run(lab.request(lab.tasks(NAMES), limits=lab.limits(concurrent=5)), lab.services(step))
    assert [task.state for task in result.tasks] == ["success"] * 50
    assert len(ran_in) <= 5


async def test_who_waits_has_a_task_of_the_event_loop_for_itself(lab):
    ran_in = set()

    async def step(payload, context):
        ran_in.add(asyncio.current_task())
        await asyncio.sleep(0)

    await lab.run(lab.request(lab.tasks(NAMES), limits=lab.limits(concurrent=5)), lab.services(step))
    assert len(ran_in) == 50


@pytest.mark.parametrize("concurrent", [1, 2, 5, 100])
@pytest.mark.parametrize("waits", ["none", "some", "all"])
async def test_steps_start_in_declared_order_whether_they_wait_or_not(lab, concurrent, waits):
    async def step(payload, context):
        if waits == "all" or (waits == "some" and int(context.task_id[1:]) % 3 == 1):
            await asyncio.sleep(0)

    steps = lab.Steps(step)
    await lab.run(lab.request(lab.tasks(NAMES), limits=lab.limits(concurrent=concurrent)), lab.services(steps))
    assert steps.started == NAMES.split()


async def test_nobody_overtakes_a_task_that_was_ready_before(lab):
    steps = lab.Steps()
    await lab.run(lab.request(lab.tasks("a b c d"), lab.flows("a>c c>d")), lab.services(steps))
    assert steps.started == ["a", "b", "c", "d"]


async def test_who_is_ready_does_not_wait_for_a_task_that_does(lab):
    done = asyncio.Event()

    async def step(payload, context):
        if context.task_id == "a":
            await done.wait()
        else:
            done.set()

    result = await lab.run(lab.request(lab.tasks("a b")), lab.services(step))
    assert result.status is RunStatus.SUCCEEDED


async def test_what_a_step_sets_for_itself_is_not_seen_by_those_after_it(lab):
    variable = ContextVar("variable", default="nobody's")
    seen = []

    async def step(payload, context):
        seen.append(variable.get())
        variable.set(context.task_id)
        await asyncio.sleep(0)
        seen.append(variable.get())
        if context.task_id == "a":  # without waiting again
            variable.set("a's")

    quick = lab.Steps(lambda payload, context: _set(variable, seen))
    await lab.run(lab.request(lab.tasks("a b c")), lab.services(quick))
    assert seen == ["nobody's"] * 3
    seen.clear()
    await lab.run(lab.request(lab.tasks("a b", keyword="work")), lab.services(step))
    assert seen == ["nobody's", "nobody's", "a", "b"]
    assert variable.get() == "nobody's"


async def test_what_a_step_sets_before_it_begins_to_run_is_seen_by_itself_only(lab):
    variable = ContextVar("variable", default="nobody's")
    seen = []

    class Traced:  # as by a decorator around an `async def`
        def run(self, payload, context):
            seen.append(variable.get())
            variable.set(context.task_id)
            return self.work()

        async def work(self):
            seen.append(variable.get())

    await lab.run(lab.request(lab.tasks("a b")), lab.services(Traced()))
    assert seen == ["nobody's", "a", "nobody's", "b"]


async def test_a_step_that_is_let_go_of_cleans_up_in_its_own_context(lab):
    variable = ContextVar("variable", default="nobody's")
    cleaned = []

    async def step(payload, context):
        token = variable.set("its own")
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        finally:
            variable.reset(token)
            cleaned.append(variable.get())

    result = await lab.run(lab.request(lab.tasks("a", timeout=1.0)), lab.services(step))
    assert "did not" in result.tasks[0].failure.message
    assert cleaned == ["nobody's"]


async def _set(variable, seen):
    seen.append(variable.get())
    variable.set("somebody's")


async def test_a_step_that_cancels_the_task_it_runs_in_harms_nobody_after_it(lab):
    async def step(payload, context):
        if context.task_id == "a":
            asyncio.current_task().cancel()
        elif context.task_id == "c":
            await asyncio.sleep(0)

    result = await lab.run(lab.request(lab.tasks("a b c"), lab.flows("a>b b>c")), lab.services(step))
    assert [task.state for task in result.tasks] == ["success"] * 3


@pytest.mark.parametrize("slice_", [0.0, 60.0])
async def test_everybody_else_has_a_turn_when_a_slice_is_over(lab, monkeypatch, slice_):
    monkeypatch.setattr(runners, "SLICE", slice_)
    turns = 0

    async def ticking():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(ticking())
    chain = lab.flows(" ".join(f"t{number}>t{number + 1}" for number in range(49)))
    await lab.run(lab.request(lab.tasks(NAMES), chain), lab.services(clock=SystemClock()))
    ticker.cancel()
    assert turns >= 50 if slice_ == 0 else turns < 25


async def test_a_task_that_is_cancelled_before_it_has_started_never_starts(lab):
    async def step(payload, context):
        if context.task_id == "a":
            raise ValueError("x")

    steps = lab.Steps(step)
    request = lab.request(lab.tasks("a b c"), limits=lab.limits(concurrent=3), fail_fast=True)
    result = await lab.run(request, lab.services(steps))
    assert steps.started == ["a"]
    assert [task.state for task in result.tasks] == ["failed", "failed", "failed"]
    assert [task.failure.category.value for task in result.tasks] == ["unknown", "cancelled", "cancelled"]


async def test_a_fault_of_the_engine_between_two_tasks_ends_the_run(lab):
    class FaultError(BaseException):
        pass

    def render(task, values):
        if task.id == "b":
            raise FaultError
        return {}

    with pytest.raises(FaultError):
        await lab.run(lab.request(lab.tasks("a b c"), lab.flows("a>b b>c")), lab.services(render=render))


async def test_nobody_starts_after_a_fault_of_the_engine(lab):
    class FaultError(BaseException):
        pass

    def render(task, values):
        if task.id == "d":
            raise FaultError
        return {}

    steps = lab.Steps()
    with pytest.raises(FaultError):
        await lab.run(lab.request(lab.tasks("a b c d"), lab.flows("a>d")), lab.services(steps, render=render))
    assert steps.started == ["a"]


async def test_a_retry_that_waits_holds_nobody(lab):
    order = []

    async def step(payload, context):
        order.append(f"{context.task_id}{context.attempt}")
        if context.attempt == 1 and context.task_id == "a":
            raise TaskError("x", category=Category.NETWORK)

    tasks = (lab.task("a", retry=Retry(max=2, backoff=5.0)), lab.task("b", 1))
    await lab.run(lab.request(tasks), lab.services(step))
    assert order == ["a1", "b1", "a2"]


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 has it")
async def test_a_run_ends_on_an_event_loop_that_begins_tasks_at_once(lab):
    async def step(payload, context):
        if context.task_id in "bd":
            await asyncio.sleep(0)

    steps = lab.Steps(step)
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    run = Run(lab.request(lab.tasks("a b c d e"), lab.flows("a>d b>e")), lab.services(steps, clock=SystemClock()))
    result = await asyncio.wait_for(run.result(), 10)
    assert result.status is RunStatus.SUCCEEDED
    assert steps.started == ["a", "b", "c", "d", "e"]
