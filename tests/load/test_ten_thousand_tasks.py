"""Ten thousand tasks, wide and deep, with the journal on; and twelve hours that take a moment."""

import asyncio
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest

from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.engine.core.run_plan import RunRequest
from nika_core.engine.local.host import Run
from nika_core.engine.local.services import Services
from nika_core.errors import Category, TaskError
from nika_core.journal import Journal, RunInfo
from nika_core.model.events import EventKind
from nika_core.model.graph import build_graph
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.state import RunStatus, SkipReason
from nika_core.model.workflow import Flow, Retry, Task, Workflow
from nika_core.plugin import Keyword
from nika_core.testing.clock import ManualClock

pytestmark = pytest.mark.alone

MANY = 10_000
WORK = Keyword(name="work", summary="", primary="x", payload=None, step="", pure=True, default_timeout=3600.0)


class Step:
    """A step that is a function; counts how many run at once."""

    def __init__(self, function):
        self.function = function
        self.running = 0
        self.most = 0
        self.started = []

    async def run(self, payload, context):
        self.started.append(context.task_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await self.function(payload, context)
        finally:
            self.running -= 1


async def nothing(payload, context):
    return context.task_id


async def one_turn(payload, context):
    await asyncio.sleep(0)
    return context.task_id


def limits(**measures):
    return Limits(Limit(name, value, Unit.COUNT, "") for name, value in measures.items())


def request(tasks, flows, *, concurrent=10, run_id="r", **more):
    workflow = Workflow("load", Path("load.nika.yaml"), tuple(tasks), tuple(flows))
    graph = build_graph(workflow.tasks, workflow.flows, lambda placeholder: ())
    bounds = more.pop("limits", limits(**{LimitKind.CONCURRENT: concurrent}))
    return RunRequest(run_id=run_id, workflow=workflow, graph=graph, limits=bounds, **more)


def services(step, **more):
    return Services(keyword=lambda word: WORK, step=lambda word: step, **more)


def some(count, **more):
    return tuple(Task(f"t{i}", "work", {"x": str(i)}, i, **more) for i in range(count))


def row(tasks):
    return tuple(Flow(a.id, b.id) for a, b in pairwise(tasks))


def fan(tasks):
    first, *middle, last = tasks
    return (*(Flow(first.id, task.id) for task in middle), *(Flow(task.id, last.id) for task in middle))


@pytest.mark.parametrize("shape", [row, fan, lambda tasks: ()], ids=["deep", "wide", "free"])
async def test_ten_thousand_tasks_with_their_history(tmp_path, shape):
    tasks = some(MANY)
    step = Step(one_turn)
    with Journal.open(tmp_path) as journal:
        log = journal.begin(RunInfo("load", "load.nika.yaml", "", started=time.time()))
        result = await Run(
            request(tasks, shape(tasks), run_id=log.run_id),
            services(step, record=log.record, barrier=log.barrier, call_cache=log),
        ).result()
        await log.finish(result.status.value, time.time())
        recorded = journal.load(log.run_id)
    assert result.status is RunStatus.SUCCEEDED
    assert step.most <= 10
    assert len(step.started) == len(set(step.started)) == MANY
    assert len(recorded.events) == 3 * MANY + 2
    assert {was.state for was in previous_tasks(recorded.events).values()} == {"success"}


async def test_a_layered_graph_of_many_edges():
    tasks = some(MANY)
    width = 10
    flows = [
        Flow(tasks[i].id, tasks[j].id)
        for i in range(MANY - width)
        for j in range(i // width * width + width, i // width * width + 2 * width)
        if j < MANY
    ]
    result = await Run(request(tasks, flows), services(Step(nothing))).result()
    assert result.status is RunStatus.SUCCEEDED
    assert len(flows) > 99_000


async def test_a_failure_at_the_top_of_ten_thousand():
    tasks = some(MANY)

    async def fails(payload, context):
        raise TaskError("no", category=Category.CONFIG)

    step = Step(fails)
    result = await Run(request(tasks, row(tasks)), services(step)).result()
    assert step.started == ["t0"]
    assert {task.skip_reason for task in result.tasks[1:]} == {SkipReason.UPSTREAM_FAILED}


async def test_all_at_once_when_that_is_allowed():
    async def together(payload, context):
        await gate.wait()

    async def opened():
        while step.running < 1000:
            await asyncio.sleep(0)
        gate.set()

    gate = asyncio.Event()
    step = Step(together)
    result, _ = await asyncio.gather(Run(request(some(1000), (), concurrent=1000), services(step)).result(), opened())
    assert (result.status, step.most) == (RunStatus.SUCCEEDED, 1000)


async def test_ten_thousand_waiting_tasks_are_cancelled_at_once():
    async def waits(payload, context):
        await asyncio.Event().wait()

    started = time.process_time()
    whole = Run(request(some(MANY), (), concurrent=5000), services(Step(waits)))
    task = asyncio.create_task(whole.result())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    whole.cancel()
    result = await task
    assert result.status is RunStatus.CANCELLED
    assert sum(one.state == "skipped" for one in result.tasks) == 5000
    assert time.process_time() - started < 20


async def test_memory_grows_with_what_is_kept_not_with_tasks_times_outputs():
    async def large(payload, context):
        return context.task_id.ljust(1000, ".")

    async def peak(count):
        tasks = some(count)
        asked = request(tasks, row(tasks))
        tracemalloc.start()
        await Run(asked, services(Step(large))).result()
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    small, big = await peak(500), await peak(2000)
    assert big < 6 * small


async def test_twelve_hours_of_retries_and_timeouts_pass_in_a_moment():
    clock = ManualClock()

    async def hourly(payload, context):
        await clock.sleep(3000)
        if context.attempt == 1:
            raise TaskError("try later", category=Category.NETWORK, retry_after=500)
        if context.task_id == "t5" and context.attempt == 2:
            await clock.sleep(10_000)  # its time is over before
        return clock.monotonic()

    tasks = some(6, retry=Retry(max=3, backoff=1.0))
    bounds = limits(**{LimitKind.CONCURRENT: 10, LimitKind.ATTEMPTS: 5})
    seen = []
    whole = Run(
        request(tasks, row(tasks), limits=bounds),
        services(Step(hourly), clock=clock, random=lambda: 1.0),
        [seen.append],
    )
    started = time.process_time()
    result = await clock.run(whole.result())
    assert result.status is RunStatus.SUCCEEDED
    assert [task.attempts for task in result.tasks] == [2, 2, 2, 2, 2, 3]
    # six times an hour with a failed attempt in it; the last one loses one more hour, and two seconds of backoff
    assert result.duration == 5 * 6500 + 3000 + 500 + 3600 + 2 + 3000
    assert result.duration > 11.8 * 3600
    assert seen[-1].kind is EventKind.RUN_FINISHED
    assert seen[-1].at - seen[0].at == result.duration
    assert time.process_time() - started < 5
