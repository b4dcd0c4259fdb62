"""Ten thousand items of a list cost memory for what runs and what is kept, and time that grows with their number."""

import asyncio
import gc
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest

from nika_core.engine.core.core import Core
from nika_core.engine.core.messages import Outcome, StartTask, TaskEnded
from nika_core.engine.core.run_plan import Child, Each, Item, Loop, RunPlan, RunRequest, WorkflowPlan
from nika_core.engine.local.host import Run
from nika_core.engine.local.services import Services
from nika_core.model.graph import build_graph
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.state import RunStatus
from nika_core.model.usage import Usage
from nika_core.model.workflow import Flow, Task, Workflow
from nika_core.plugin import Keyword

pytestmark = pytest.mark.alone

MANY = 10_000
BYTES_AN_ITEM = 2048
WORK = Keyword(name="work", summary="", primary="x", payload=None, step="", pure=True, default_timeout=3600.0)
LIMITS = Limits([Limit(LimitKind.CONCURRENT, 10, Unit.COUNT, "")])


class Step:
    """Does nothing, or what a function does."""

    def __init__(self, function=None):
        self._function = function

    async def run(self, payload, context):
        return None if self._function is None else await self._function(context)


def graph_of(tasks, flows=()):
    return build_graph(tasks, flows, lambda placeholder: ())


def inner(*names, groups=None):
    """A workflow of tasks one after the other."""
    tasks = tuple(Task(name, "work", {}, index) for index, name in enumerate(names))
    flows = tuple(Flow(a, b) for a, b in pairwise(names))
    return WorkflowPlan(
        name="inner",
        tasks=tasks,
        graph=graph_of(tasks, flows),
        definition=lambda task: task.id,
        render=lambda task, values: task.payload,
        resolve=lambda placeholder, values: None,
        groups=groups or {},
    )


def listed(count, **more):
    items = tuple(Item(index) for index in range(count))
    return Each(items=lambda values: items, **more)


def request(group, **more):
    tasks = (Task("a", "work", {}, 0),)
    workflow = Workflow("load", Path("load.nika.yaml"), tasks, ())
    return RunRequest(run_id="r", workflow=workflow, graph=graph_of(tasks), limits=LIMITS, groups={"a": group}, **more)


def run_of(group, step=None, **more):
    step = step or Step()
    return Run(request(group, **more), Services(keyword=lambda word: WORK, step=lambda word: step))


async def peak_of(group):
    """The most memory that a run needs at once, beside what was there before."""
    whole = run_of(group)
    tracemalloc.start()
    try:
        result = await whole.result()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


async def test_an_item_costs_less_than_two_kilobytes_with_what_is_kept_of_it():
    await peak_of(listed(10))  # what is imported and made once
    used, result = await peak_of(listed(MANY))
    assert len(result.tasks[0].children) == MANY
    assert used < BYTES_AN_ITEM * MANY


async def test_items_that_stand_for_workflows_cost_what_is_kept_of_each_inner_task():
    await peak_of(listed(10, body=Child(plan=inner("i", "j"), inputs=lambda payload: payload)))
    count = MANY // 4
    used, result = await peak_of(listed(count, body=Child(plan=inner("i", "j"), inputs=lambda payload: payload)))
    nodes = count * 3
    assert sum(1 + len(item.children) for item in result.tasks[0].children) == nodes
    assert used < BYTES_AN_ITEM * nodes


async def test_time_grows_with_the_number_of_items():
    async def seconds(count):
        started = time.process_time()
        await run_of(listed(count)).result()
        return time.process_time() - started

    gc.disable()  # `nika run` collects rarely, and a full collection in one of the two would be what is compared
    try:
        await seconds(500)
        took = [(await seconds(MANY // 2), await seconds(MANY)) for _ in range(5)]
    finally:
        gc.enable()
    half, whole = map(min, zip(*took, strict=True))
    assert whole <= 2.2 * half


class Never:
    """A condition that never holds."""

    text = "never"
    placeholders = ()

    def evaluate(self, resolve):
        return False


def driven(core):
    """Answer every call of a core with a large output; yield after each event."""
    todo = core.start()
    calls = 0
    while todo:
        command = todo.pop(0)
        if isinstance(command, StartTask):
            calls += 1
            outcome = Outcome(output="x" * 100_000 + str(calls), usage=Usage(1, 1, calls=1))
            todo.extend(core.on(TaskEnded(command.call.node, command.call.epoch, outcome)))
            yield calls


def test_a_loop_of_a_hundred_rounds_keeps_one_round():
    plan = inner("a", groups={"a": Loop(until=Never(), max_rounds=100, fail_if_exhausted=False)})
    core = Core(RunPlan(run_id="r", workflow=plan))
    tracemalloc.start()
    try:
        alive = [len(core.states) for _ in driven(core)]
        assert (len(alive), max(alive)) == (100, 2), "the loop, and its round"
        assert tracemalloc.get_traced_memory()[1] < 10 * 100_000
    finally:
        tracemalloc.stop()


def test_nested_groups_hold_only_the_nodes_that_are_under_way():
    rounds = Loop(until=Never(), max_rounds=5, fail_if_exhausted=False)
    body = Child(plan=inner("i", "loop", groups={"loop": rounds}), inputs=lambda payload: payload)
    plan = inner("a", groups={"a": listed(50, max_concurrent=2, body=body)})
    core = Core(RunPlan(run_id="r", workflow=plan))
    alive = [len(core.states) for _ in driven(core)]
    assert len(alive) == 50 * (1 + 5)
    assert max(alive) <= 1 + 2 * (1 + 2 + 1), "the list, two items, their tasks and a round of each"


@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_a_long_list_is_ended_in_its_middle(how):
    begun = 0

    async def until_the_middle(context):
        nonlocal begun
        begun += 1
        if begun > MANY // 2:
            if how == "cancel":
                whole.cancel("enough")
            await asyncio.Event().wait()

    more = {"timeout": 3.0} if how == "timeout" else {}
    whole = run_of(listed(MANY), Step(until_the_middle), **more)
    result = await whole.result()
    (task,) = result.tasks
    assert result.status is (RunStatus.CANCELLED if how == "cancel" else RunStatus.FAILED)
    assert task.state == "cancelled"
    states = [item.state for item in task.children]
    assert states == ["success"] * (MANY // 2) + ["cancelled"] * (len(states) - MANY // 2)
    assert 0 < len(states) - MANY // 2 <= 10, "no item began that was not under way"
