"""Whole runs: what is recorded, what is seen, how they are cancelled, and that nothing is left of them."""

import asyncio
import random
import threading
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from nika_core.engine.core.previous_tasks import previous_tasks
from nika_core.engine.local.host import Run
from nika_core.errors import Category, JournalError, TaskError, TemplateValueError
from nika_core.model.clock import SystemClock
from nika_core.model.events import EventKind
from nika_core.model.masking import Masker
from nika_core.model.message import Message, Role, ToolCall
from nika_core.model.state import RunStatus, SkipReason
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock, Flow, Mode
from nika_core.plugin import ModelReply, Refusal, Stage, StepOutput
from nika_core.testing.clock import wait_until_idle
from tests.policy_gates import Gate


async def forever(payload, context):
    await asyncio.Event().wait()


async def stubborn(payload, context):
    """Swallows every cancellation."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def test_a_run_gives_every_task_and_the_last_output(lab):
    result = await lab.run(lab.request(lab.tasks("a b"), lab.flows("a>b")), lab.services())
    assert (result.status, result.output) == (RunStatus.SUCCEEDED, "b")
    assert [(task.id, task.state, task.attempts, task.output) for task in result.tasks] == [
        ("a", "success", 1, "a"),
        ("b", "success", 1, "b"),
    ]


async def test_everything_that_happens_is_recorded_and_numbered_and_shown(lab):
    recorded, seen = [], []
    await lab.run(lab.request(lab.tasks("a"), seq=41), lab.services(record=recorded.extend), seen.append)
    assert [(event.seq, event.kind, event.task) for event in recorded] == [
        (42, EventKind.RUN_STARTED, None),
        (43, EventKind.TASK_READY, "a"),
        (44, EventKind.TASK_STARTED, "a"),
        (45, EventKind.TASK_SUCCEEDED, "a"),
        (46, EventKind.RUN_FINISHED, None),
    ]
    assert seen == recorded


async def test_chunks_are_shown_and_not_recorded(lab):
    async def step(payload, context):
        context.emit_text("hel")
        context.emit_text("lo")

    recorded, seen = [], []
    await lab.run(lab.request(lab.tasks("a")), lab.services(step, record=recorded.extend), seen.append)
    assert [event.data["text"] for event in seen if event.kind is EventKind.CHUNK] == ["hel", "lo"]
    assert not [event for event in recorded if event.kind is EventKind.CHUNK]


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(3), KeyboardInterrupt()])
async def test_an_observer_that_raises_harms_nobody(lab, error):
    def broken(event):
        raise error

    seen = []
    result = await lab.run(lab.request(lab.tasks("a")), lab.services(), broken, seen.append)
    assert result.status is RunStatus.SUCCEEDED
    assert len(seen) == 5


async def test_an_observer_that_hangs_does_not_hold_the_run(lab):
    hold = threading.Event()
    request = lab.request(lab.tasks("a b c"), grace=0.01)
    result = await lab.run(request, lab.services(clock=SystemClock()), lambda event: hold.wait(60))
    hold.set()
    assert result.status is RunStatus.SUCCEEDED


async def test_no_effect_before_what_led_to_it_is_durable(lab):
    order = []

    async def barrier():
        order.append("durable")

    async def step(payload, context):
        order.append("step")

    services = lab.services(
        step,
        record=lambda events: order.extend(event.kind.value for event in events),
        barrier=barrier,
        keywords={"work": lab.keyword(pure=False)},
    )
    await lab.run(lab.request(lab.tasks("a")), services)
    assert order[2:5] == ["task.started", "durable", "step"]
    assert order[-2:] == ["run.finished", "durable"]


async def test_pure_steps_wait_for_no_disk(lab):
    barriers = []

    async def barrier():
        barriers.append(1)

    await lab.run(lab.request(lab.tasks("a b c")), lab.services(barrier=barrier))
    assert len(barriers) == 1


async def test_a_history_that_cannot_be_written_is_told_once_and_the_result_is_not_lost(lab):
    async def barrier():
        raise JournalError("NIKA-090", "the disk is full")

    def record(events):
        raise OSError("no")

    seen = []
    services = lab.services(barrier=barrier, record=record, keywords={"work": lab.keyword(pure=False)})
    result = await lab.run(lab.request(lab.tasks("a b")), services, seen.append)
    assert (result.status, result.output) == (RunStatus.SUCCEEDED, "b")
    assert len([event for event in seen if event.kind is EventKind.NOTICE]) == 1


async def test_nothing_outlives_a_run(lab):
    before = asyncio.all_tasks()
    await lab.run(lab.request(lab.tasks("a b c"), lab.flows("a>b")), lab.services())
    assert asyncio.all_tasks() == before


# ---- cancelling


async def started(lab, step, names="a b", flows="a>b", **more):
    services = lab.services(step)
    run = Run(lab.request(lab.tasks(names), lab.flows(flows), **more), services)
    task = asyncio.create_task(run.result())
    await wait_until_idle()
    return run, task, services.clock


async def test_cancelling_ends_what_runs_and_skips_the_rest(lab):
    run, task, _ = await started(lab, forever)
    run.cancel("enough")
    result = await task
    assert result.status is RunStatus.CANCELLED
    assert (result.tasks[0].failure.category, result.tasks[0].failure.message) == (Category.CANCELLED, "enough")
    assert result.tasks[1].skip_reason is SkipReason.RUN_CANCELLED


async def test_what_finishes_while_it_is_cancelled_is_not_lost(lab):
    async def saves(payload, context):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "saved"

    run, task, _ = await started(lab, saves)
    run.cancel()
    result = await task
    assert (result.tasks[0].state, result.tasks[0].output) == ("success", "saved")


async def test_how_a_step_ends_when_it_is_cancelled_is_no_failure_of_its_own(lab):
    async def grumbles(payload, context):
        try:
            await asyncio.Event().wait()
        finally:
            raise TaskError("killed")

    run, task, _ = await started(lab, grumbles)
    run.cancel("enough")
    result = await task
    assert result.tasks[0].failure.category is Category.CANCELLED


async def test_a_step_that_swallows_its_cancellation_is_left_behind_and_told(lab):
    services = lab.services(stubborn)
    seen = []
    run = Run(lab.request(lab.tasks("a")), services, [seen.append])
    task = asyncio.create_task(run.result())
    await wait_until_idle()
    run.cancel()
    await services.clock.advance(4.9)
    assert not any(event.kind is EventKind.TASK_FAILED for event in seen)
    await services.clock.advance(30)
    result = await task
    assert result.status is RunStatus.CANCELLED
    assert "told to stop and did not" in result.tasks[0].failure.message
    assert any("the run goes on without it" in event.data.get("message", "") for event in seen)


async def test_a_run_that_is_cancelled_before_it_begins_starts_nothing_that_lasts(lab):
    recorded = []
    run = Run(lab.request(lab.tasks("a b")), lab.services(forever, record=recorded.extend))
    run.cancel("too late")
    result = await run.result()
    assert result.status is RunStatus.CANCELLED
    assert [task.failure.message for task in result.tasks] == ["too late", "too late"]


async def test_waiting_for_the_disk_takes_no_time_from_the_task(lab):
    services = lab.services(keywords={"work": lab.keyword(pure=False)})

    async def barrier():
        await services.clock.sleep(100)

    services = replace(services, barrier=barrier)
    result = await lab.run(lab.request((lab.task("a", timeout=1.0),)), services)
    assert result.status is RunStatus.SUCCEEDED


async def test_cancelling_a_second_time_does_not_wait(lab):
    run, task, clock = await started(lab, stubborn, "a", "")
    run.cancel()
    await wait_until_idle()
    run.cancel()
    await wait_until_idle()
    await clock.advance(5)  # what was left behind has its grace once more when the run ends
    assert (await task).status is RunStatus.CANCELLED


async def test_when_the_awaiting_task_is_cancelled_the_run_ends_in_good_order_first(lab):
    recorded = []
    run = Run(lab.request(lab.tasks("a b"), lab.flows("a>b")), lab.services(forever, record=recorded.extend))
    task = asyncio.create_task(run.result())
    await wait_until_idle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorded[-1].kind is EventKind.RUN_FINISHED
    assert recorded[-1].data["status"] == "cancelled"


async def test_an_interrupt_inside_a_step_cancels_the_run(lab):
    async def step(payload, context):
        raise KeyboardInterrupt

    result = await lab.run(lab.request(lab.tasks("a b"), lab.flows("a>b")), lab.services(step))
    assert result.status is RunStatus.CANCELLED


async def test_a_run_that_was_cancelled_goes_on_without_doing_anything_twice(lab):
    from nika_core.engine.core.ports import InMemoryCallCache
    from nika_core.engine.core.previous_tasks import previous_tasks

    acted = []
    call_cache = InMemoryCallCache()

    async def step(payload, context):
        if context.task_id == "a":
            acted.append("a")
            return "a"
        call = f"call {context.key}"
        if call_cache.get(context.key, call) is None:
            acted.append("paid")
            call_cache.put(context.key, call, "reply")
        if not again:
            await asyncio.Event().wait()
        return call_cache.get(context.key, call)

    again = False
    recorded = []
    services = lab.services(step, record=recorded.extend, call_cache=call_cache)
    run = Run(lab.request(lab.tasks("a b c"), lab.flows("a>b b>c")), services)
    task = asyncio.create_task(run.result())
    await wait_until_idle()
    run.cancel()
    await task
    again = True
    request = lab.request(
        lab.tasks("a b c"), lab.flows("a>b b>c"), previous=previous_tasks(recorded), seq=recorded[-1].seq
    )
    seen = []
    result = await lab.run(request, services, seen.append)
    assert (result.status, result.output) == (RunStatus.SUCCEEDED, "reply")
    assert acted == ["a", "paid", "paid"], "c is new, b was paid for"
    assert [task.reused for task in result.tasks] == [True, False, False]
    assert {event.task: event.data.get("reason") for event in seen if event.kind is EventKind.TASK_STARTED} == {
        "b": "it had been cancelled",
        "c": "it had not been started",
    }


@pytest.mark.parametrize("place", ["policies", "step", "keyword", "render", "resolve"])
async def test_a_plugin_that_exits_anywhere_ends_its_task_and_not_the_run(lab, place):
    def exits(*_):
        raise SystemExit(3)

    exits_there = Gate(exits) if place == "policies" else exits
    services = (
        lab.services(**{place: exits_there})
        if place not in ("step", "keyword")
        else replace(lab.services(), **{place: exits})
    )
    flows = (Flow("a", "b", lab.When(lambda a: True, "a")),)
    result = await lab.run(lab.request(lab.tasks("a b"), flows), services)
    assert result.status is RunStatus.FAILED
    assert {task.state for task in result.tasks} <= {"failed", "skipped", "success"}


async def test_fail_fast_cancels_what_runs(lab):
    async def step(payload, context):
        if context.task_id == "a":
            raise TaskError("no", category=Category.CONFIG)
        await asyncio.Event().wait()

    result = await lab.run(lab.request(lab.tasks("a b"), fail_fast=True), lab.services(step))
    assert result.status is RunStatus.FAILED
    assert result.tasks[1].failure.category is Category.CANCELLED


async def test_a_run_has_at_most_its_time(lab):
    services = lab.services(forever)
    request = lab.request(lab.tasks("a"), limits=lab.limits(timeout__work=100), timeout=7.0)
    result = await lab.run(request, services)
    assert (result.status, result.duration) == (RunStatus.FAILED, 7.0)
    assert "longer than 7 s" in result.tasks[0].failure.message


# ---- what tasks see


async def test_a_task_that_changes_what_it_is_given_changes_nobody_elses(lab):
    async def step(payload, context):
        if context.task_id == "a":
            return {"list": [1]}
        payload["x"]["list"].append(context.task_id)
        return payload["x"]

    given = {"payload": {"x": lab.ref("a")}}
    tasks = (lab.task("a"), lab.task("b", 1, **given), lab.task("c", 2, **given), lab.task("d", 3, **given))
    result = await lab.run(lab.request(tasks, lab.flows("b>c c>d")), lab.services(step))
    assert [task.output for task in result.tasks] == [
        {"list": [1]},
        {"list": [1, "b"]},
        {"list": [1, "c"]},
        {"list": [1, "d"]},
    ]


async def test_what_a_step_keeps_and_changes_later_is_not_its_output(lab):
    kept = {"n": 1}

    async def step(payload, context):
        if context.task_id == "b":
            kept["n"] = 2
        return kept if context.task_id == "a" else None

    result = await lab.run(lab.request(lab.tasks("a b"), lab.flows("a>b")), lab.services(step))
    assert result.tasks[0].output == {"n": 1}


def talk(lab, names, edges, delay):
    """Context tasks that say what they have heard; `delay(task)` says when they do."""

    async def step(payload, context):
        await context.clock.sleep(delay(context.task_id))
        heard = [message.text for message in context.messages]
        return StepOutput(heard, messages=(Message(Role.ASSISTANT, context.task_id),))

    services = lab.services(step, keywords={"work": lab.keyword(category=lab.context)})
    return lab.request(lab.tasks(names), lab.flows(edges)), services


async def test_an_agent_hears_exactly_its_ancestors_in_declared_order_whatever_the_timing(lab):
    names = "e d c b a f g"
    edges = "a>b a>c b>d c>d d>e a>f"
    found = set()
    rng = random.Random(5)
    for _ in range(200):
        delays = {name: rng.random() for name in names.split()}
        result = await lab.run(*talk(lab, names, edges, delays.__getitem__))
        found.add(tuple((task.id, tuple(task.output)) for task in result.tasks))
    assert found == {
        (
            ("e", ("d", "c", "b", "a")),
            ("d", ("c", "b", "a")),
            ("c", ("a",)),
            ("b", ("a",)),
            ("a", ()),
            ("f", ("a",)),
            ("g", ()),
        )
    }


async def test_only_context_tasks_hear_the_conversation(lab):
    async def step(payload, context):
        return StepOutput(len(context.messages), messages=(Message(Role.ASSISTANT, "x"),))

    steps = {"work": step, "tool": step}
    tasks = (lab.task("a"), lab.task("b", 1, keyword="tool"), lab.task("c", 2))
    services = lab.services(steps, keywords={"work": lab.keyword(category=lab.context)})
    result = await lab.run(lab.request(tasks, lab.flows("a>b b>c")), services)
    assert [task.output for task in result.tasks] == [0, 0, 1]


async def test_what_a_long_chain_keeps_grows_with_its_outputs_only(lab):
    names = [f"t{i}" for i in range(300)]
    flows = tuple(Flow(a, b) for a, b in pairwise(names))
    text = "x" * 10_000

    async def step(payload, context):
        return text

    result = await lab.run(lab.request(tuple(map(lab.task, names, range(300))), flows), lab.services(step))
    assert all(task.output is text for task in result.tasks), "kept once, shared by all that see it"


# ---- secrets


def hide(text):
    return text.replace("hunter22", "***")


async def test_secrets_reach_the_next_task_and_nothing_that_is_recorded_or_printed(lab):
    received = []

    async def step(payload, context):
        received.append(payload)
        context.notice("hunter22 seen")
        context.emit_text("hunter22")
        if context.task_id == "a":
            return {"hunter22": ["hunter22"]}
        raise TaskError("no hunter22 here", category=Category.CONFIG)

    recorded, seen = [], []
    tasks = (lab.task("a"), lab.task("b", 1, payload={"x": lab.ref("a")}))
    services = lab.services(step, mask=hide, record=recorded.extend)
    result = await lab.run(lab.request(tasks), services, seen.append)
    assert received[1] == {"x": {"hunter22": ["hunter22"]}}
    assert "hunter22" not in f"{recorded}{seen}{result}"
    succeeded = next(event for event in recorded if event.kind is EventKind.TASK_SUCCEEDED)
    assert succeeded.data["withheld"] is True


async def test_a_secret_of_digits_is_masked_as_a_number_and_figures_of_the_engine_are_left(lab):
    async def step(payload, context):
        if context.task_id == "a":
            await context.clock.sleep(123.456)
            context.notice("x", data={"pin": 123456})
            return StepOutput({"pin": 123456, "list": [123456.5]}, usage=Usage(123456, 1, Decimal("0.123456")))
        raise TaskError("no", category=Category.CONFIG)

    recorded, seen = [], []
    tasks = (lab.task("a", timeout=1000.0), lab.task("b", 1, payload={"x": lab.ref("a")}))
    mask = Masker(["123456"]).text
    services = lab.services(step, mask=mask, record=recorded.extend)
    result = await lab.run(lab.request(tasks), services, seen.append)

    assert result.tasks[0].output == {"pin": "***", "list": ["***.5"]}
    for events in (recorded, seen):
        told = {event.kind: event.data for event in events if event.task == "a"}
        assert told[EventKind.NOTICE]["pin"] == "***"
        ended = told[EventKind.TASK_SUCCEEDED]
        assert (ended["output"], ended["withheld"]) == ({"pin": "***", "list": ["***.5"]}, True)
        assert ended["durationMs"] == 123456
    was = previous_tasks(recorded)["a"]
    assert (was.outcome.duration, was.outcome.usage) == (123.456, Usage(123456, 1, Decimal("0.123456")))
    assert was.outcome.withheld


async def test_secrets_in_what_keeps_a_task_from_starting_are_not_told(lab):
    def render(task, values):
        if task.id == "b":
            raise TemplateValueError("hunter22 is not a number", hint="not hunter22")
        return {}

    tasks = lab.tasks("a b")
    result = await lab.run(lab.request(tasks), lab.services(mask=hide, render=render))
    failure = result.tasks[1].failure
    assert (failure.message, failure.hint) == ("*** is not a number", "not ***")


# ---- policies, agentic mode, the caller


async def test_a_policy_can_refuse_a_task(lab):
    def admit(admission):
        return Refusal("not on Sundays", "wait") if admission.stage is Stage.TASK else None

    result = await lab.run(lab.request(lab.tasks("a")), lab.services(policies=Gate(admit)))
    failure = result.tasks[0].failure
    assert (failure.code, failure.category, failure.message) == ("NIKA-066", Category.BUDGET, "not on Sundays")


class Caller:
    """Answers with what it was made with, one after the other."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = []
        self.closed = False

    async def complete(self, request, call):
        self.asked.append((request, call))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def model(self, request, agent):
        raise NotImplementedError

    async def close(self):
        self.closed = True


def decided(action, reason="because"):
    calls = (ToolCall("1", action, {"reason": reason}),) if action else ()
    return ModelReply(calls, "toolUse", Usage(10, 5, calls=1), "m")


async def test_the_main_agent_is_shown_the_run_and_decides(lab):
    tries = []

    async def step(payload, context):
        tries.append(context.key)
        if len(tries) == 1:
            raise TaskError("broken pipe", category=Category.CONFIG)
        return "fine"

    caller = Caller(decided("retry_task"))
    seen = []
    request = lab.request(lab.tasks("a b"), lab.flows("a>b"), agent=AgentBlock(model="m", mode=Mode.AGENTIC))
    result = await lab.run(request, lab.services(step, caller=caller), seen.append)
    assert (result.status, tries) == (RunStatus.SUCCEEDED, ["r/a#1", "r/a#2", "r/b#1"])
    asked, scope = caller.asked[0]
    assert "broken pipe" in asked.messages[0].text
    assert [tool.name for tool in asked.tools] == ["retry_task", "skip_task", "continue_run", "abort_run"]
    assert scope.key == "r/a#1/decision"
    decision = next(event for event in seen if event.kind is EventKind.DECISION)
    assert decision.data == {"action": "retry_task", "reason": "because", "epoch": 1}


@pytest.mark.parametrize(
    "reply",
    [decided(None), decided("drop_database"), TaskError("no", category=Category.BUDGET), RuntimeError("bug")],
)
async def test_without_a_decision_the_run_goes_on_as_the_graph_says(lab, reply):
    async def step(payload, context):
        raise TaskError("no", category=Category.CONFIG)

    request = lab.request(lab.tasks("a b"), lab.flows("a>b"), agent=AgentBlock(model="m", mode=Mode.AGENTIC))
    result = await lab.run(request, lab.services(step, caller=Caller(reply)))
    assert result.status is RunStatus.FAILED
    assert result.tasks[1].skip_reason is SkipReason.UPSTREAM_FAILED


async def test_the_caller_is_closed_at_the_end(lab):
    caller = Caller()
    await lab.run(lab.request(lab.tasks("a")), lab.services(caller=caller))
    assert caller.closed


async def test_a_run_can_simply_be_awaited(lab):
    result = await Run(lab.request(lab.tasks("a")), lab.services(clock=SystemClock())).result()
    assert result.output == "a"


@pytest.mark.parametrize(
    ("tasks", "concurrent", "seconds", "told"),
    [
        ("a b c d", 2, 30, "for 30 of its 60 s, the run waited for one of the 2 places that NIKA_CONCURRENT allows"),
        ("a b", 2, 30, None),  # all of them run, and nothing waits
        ("a b c d", 4, 30, None),
        ("a b c d", 2, 2, None),  # not worth a word
    ],
)
async def test_a_run_that_mostly_waited_for_a_place_says_so_once(lab, tasks, concurrent, seconds, told):
    async def step(payload, context):
        await context.clock.sleep(seconds)

    seen = []
    limits = lab.limits(concurrent=concurrent)
    await lab.run(lab.request(lab.tasks(tasks), limits=limits), lab.services(step), seen.append)
    notices = [event.data["message"] for event in seen if event.kind is EventKind.NOTICE]
    assert [notice.partition(" at once")[0] for notice in notices] == ([told] if told else [])
