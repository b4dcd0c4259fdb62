"""Whole runs of random graphs, whose steps wait, never wait, fail, block, and listen to a cancellation or do not."""

import asyncio
import contextlib
from contextvars import ContextVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core.engine.local.host import Run
from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.workflow import OnError, Retry
from nika_core.testing.clock import wait_until_idle

SET = ContextVar("SET", default="")
ENDS = (EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED, EventKind.TASK_SKIPPED)
KINDS = (
    "returns",
    "returns",
    "turns",
    "sleeps",
    "fails",
    "retries",
    "swallows",
    "blocks",
    "cancels itself",
    "times out",
)
TASKS = st.lists(
    st.fixed_dictionaries(
        {
            "kinds": st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),  # by attempt
            "sources": st.sets(st.integers(0, 9), max_size=2),
            "pure": st.booleans(),
            "tolerated": st.booleans(),
            "timeout": st.sampled_from([None, None, 1.0, 3.0]),
        }
    ),
    min_size=1,
    max_size=10,
)
RUNS = st.fixed_dictionaries(
    {
        "concurrent": st.sampled_from([1, 2, 3, 100]),
        "fail_fast": st.booleans(),
        "timeout": st.sampled_from([None, None, 2.0]),
        "cancels": st.lists(st.sampled_from([0.0, 0.5, 1.5, 2.5]), max_size=2),
        "patient": st.sets(st.integers(0, 9), max_size=2),
        "slice": st.sampled_from([0.0, 60.0]),
    }
)


async def _do(kind, context):
    if kind == "turns":
        await asyncio.sleep(0)
    elif kind == "sleeps":
        await context.clock.sleep(1.5)
    elif kind in ("fails", "retries"):
        raise TaskError("x", category=Category.NETWORK if kind == "retries" else Category.CONFIG)
    elif kind in ("swallows", "blocks"):
        for _ in range(1 if kind == "swallows" else 3):
            with contextlib.suppress(asyncio.CancelledError):
                await context.clock.sleep(4.0)
    elif kind == "cancels itself":
        asyncio.current_task().cancel()
    elif kind == "times out":
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()


@given(TASKS, RUNS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_task_runs_once_in_order_with_room_for_it_and_the_run_ends(lab, specs, how):
    asyncio.run(asyncio.wait_for(_one(lab, specs, how), 30))


async def _one(lab, specs, how):
    before = asyncio.all_tasks()
    began, running, left, events = [], set(), set(), []
    no_slot = {f"t{number}" for number in how["patient"]}

    async def step(payload, context):
        task = context.task_id
        began.append((task, context.attempt))
        assert task not in running
        running.add(task)
        assert len(running - no_slot - left) <= how["concurrent"]
        assert SET.get() in ("", task), "no task sees what another one has set"
        SET.set(task)
        try:
            kinds = specs[int(task[1:])]["kinds"]
            await _do(kinds[min(context.attempt, len(kinds)) - 1], context)
            assert SET.get() == task
        finally:
            running.discard(task)
        return task

    def record(batch):
        events.extend(batch)
        for event in batch:
            if event.kind is EventKind.NOTICE and "was told to stop and did not" in event.data["message"]:
                left.add(event.task)

    tasks = tuple(
        lab.task(
            f"t{number}",
            number,
            "work" if spec["pure"] else "act",
            timeout=spec["timeout"],
            retry=Retry(max=3, backoff=1.0),
            on_error=OnError.CONTINUE if spec["tolerated"] else OnError.FAIL,
        )
        for number, spec in enumerate(specs)
    )
    flows = " ".join(
        f"t{source}>t{number}" for number, spec in enumerate(specs) for source in spec["sources"] if source < number
    )
    request = lab.request(
        tasks,
        lab.flows(flows),
        limits=lab.limits(concurrent=how["concurrent"]),
        fail_fast=how["fail_fast"],
        timeout=how["timeout"],
        no_slot=frozenset(no_slot),
        grace=1.0,
    )
    steps = lab.Steps(step)
    keywords = {"act": lab.keyword("act", pure=False)}
    services = lab.services({"work": steps, "act": steps}, keywords=keywords, record=record)
    run = Run(request, services)
    for seconds in how["cancels"]:
        run.context.deadlines.add(seconds, run.cancel)
    result = await services.clock.run(run.result())

    started = [(e.task, e.data["attempt"]) for e in events if e.kind is EventKind.TASK_STARTED]
    assert len(set(started)) == len(started)
    assert len(set(began)) == len(began)
    for pure in (True, False):  # what may have an effect waits for history first
        order = [one for one in started if one[1] == 1 and specs[int(one[0][1:])]["pure"] is pure]
        assert [one for one in began if one in order] == [one for one in order if one in began]
    assert sorted(e.task for e in events if e.kind in ENDS) == sorted(task.id for task in tasks)
    await wait_until_idle()
    assert asyncio.all_tasks() == before
    assert "AssertionError" not in " ".join(task.failure.message for task in result.tasks if task.failure)
    if not how["cancels"] and not how["fail_fast"] and how["timeout"] is None:
        assert [task.state for task in result.tasks] == _expected(specs)


def _expected(specs):
    """The rules: a task with a source that failed or was skipped is skipped; the last attempt decides."""
    states, bad = [], set()
    for number, spec in enumerate(specs):
        if any(source in bad for source in spec["sources"] if source < number):
            states.append("skipped")
            bad.add(number)
            continue
        ends = [_end(kind, spec["timeout"]) for kind in (*spec["kinds"], *[spec["kinds"][-1]] * 2)][:3]
        states.append(next((end for end in ends if end != "again"), "failed"))
        good = states[-1] == "success"
        if not good and not spec["tolerated"]:
            bad.add(number)
    return states


def _end(kind, timeout):
    """Of one attempt. A step that swallows its cancellation has ended well; one that blocks is left behind."""
    if kind == "retries" or (kind == "sleeps" and timeout == 1.0):
        return "again"
    return "failed" if kind == "fails" or (kind == "blocks" and timeout) else "success"
