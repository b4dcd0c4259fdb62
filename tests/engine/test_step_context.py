"""What a running step may do: share resources, find tools and call them."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from nika_core.engine.local.host import Run
from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.message import ToolSpec
from nika_core.model.state import RunStatus
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock, Retry
from nika_core.plugin import Facets, Refusal, Stage, StepOutput, Tool
from nika_core.testing.clock import wait_until_idle
from tests.policy_gates import Gate

# ---- resources


class Shared:
    """A resource that knows who opened and who closed it."""

    def __init__(self, fails=0, slow=0.0):
        self.fails = fails
        self.slow = slow
        self.opened = []
        self.closed = []

    def open(self, clock):
        @asynccontextmanager
        async def manager():
            await clock.sleep(self.slow)
            self.opened.append(asyncio.current_task())
            if self.fails:
                self.fails -= 1
                raise TaskError("no server", category=Category.NETWORK)
            try:
                yield self
            finally:
                self.closed.append(asyncio.current_task())

        return manager


async def test_a_resource_is_opened_once_and_closed_by_the_task_that_opened_it(lab):
    shared = Shared(slow=1.0)

    async def step(payload, context):
        found = await context.resource("x", shared.open(context.clock))
        assert not shared.closed
        return found is shared

    result = await lab.run(lab.request(lab.tasks("a b c d"), lab.flows("a>d")), lab.services(step))
    assert [task.output for task in result.tasks] == [True] * 4
    assert len(shared.opened) == 1
    assert shared.closed == shared.opened


async def test_a_resource_that_could_not_be_opened_is_tried_again_by_the_next_attempt(lab):
    shared = Shared(fails=1)

    async def step(payload, context):
        return (await context.resource("x", shared.open(context.clock))) is shared

    result = await lab.run(lab.request(lab.tasks("a", retry=Retry(max=2))), lab.services(step))
    assert (result.tasks[0].state, result.tasks[0].attempts) == ("success", 2)


async def test_a_step_that_is_cut_off_while_it_opens_something_does_not_break_it_for_others(lab):
    shared = Shared(slow=5.0)

    async def step(payload, context):
        await context.resource("x", shared.open(context.clock))
        return "there"

    tasks = (lab.task("a", timeout=1.0), lab.task("b", 1, timeout=10.0))
    result = await lab.run(lab.request(tasks), lab.services(step))
    assert result.tasks[0].failure.category is Category.TIMEOUT
    assert result.tasks[1].output == "there"
    assert len(shared.opened) == len(shared.closed) == 1


async def test_a_resource_that_does_not_close_holds_the_run_for_its_grace_only_and_is_told(lab):
    @asynccontextmanager
    async def sticky():
        try:
            yield 1
        finally:
            await asyncio.Event().wait()

    async def step(payload, context):
        return await context.resource("x", sticky)

    seen = []
    before = asyncio.all_tasks()
    result = await lab.run(lab.request(lab.tasks("a"), grace=5.0), lab.services(step), seen.append)
    assert (result.status, result.duration) == (RunStatus.SUCCEEDED, 5.0)
    assert asyncio.all_tasks() == before


async def test_what_closing_raises_is_told_and_harms_nobody(lab):
    @asynccontextmanager
    async def broken():
        yield 1
        raise ValueError("stuck")

    async def step(payload, context):
        return await context.resource("x", broken)

    seen = []
    result = await lab.run(lab.request(lab.tasks("a")), lab.services(step), seen.append)
    assert result.status is RunStatus.SUCCEEDED
    notices = [event.data["message"] for event in seen if event.kind is EventKind.NOTICE]
    assert notices == ["something that the run had opened could not be closed: ValueError: stuck"]


# ---- tools


class Toolbox(Facets):
    """`hand::left` and `hand::right`; or what it is given."""

    def __init__(self, *names, keyword="hand"):
        self.names = names or ("left", "right")
        self.keyword = keyword

    async def tools(self, reference, context):
        return [
            Tool(f"{self.keyword}::{name}", self.keyword, ToolSpec(name.replace(":", "_"), ""), self.payload)
            for name in self.names
            if reference in (name, "*", "")
        ]

    @staticmethod
    def payload(arguments):
        if "bad" in arguments:
            raise ValueError("`bad` is not wanted")
        return {"given": arguments}


def agent_run(lab, agent, hand, *, task=None, facets=None, block=None, **more):
    """A task `agent` with the tool keyword `hand`."""
    services = lab.services(
        {"agent": agent, "hand": hand},
        facets=lambda word: facets or Toolbox(),
        keywords={"agent": lab.keyword("agent"), "hand": lab.keyword("hand", pure=False, default_timeout=30.0)},
        **more,
    )
    task = task or lab.task("a", keyword="agent", allowed_tools=("hand",))
    return lab.request((task,), agent=block, limits=lab.limits(attempts=2)), services


async def names(lab, allowed, disallowed=(), *, block=None, facets=None):
    """The tools of a task, or its failure."""

    async def agent(payload, context):
        return [tool.name for tool in await context.tools()]

    task = lab.task("a", keyword="agent", allowed_tools=allowed, disallowed_tools=disallowed)
    result = await lab.run(*agent_run(lab, agent, None, task=task, block=block, facets=facets))
    return result.tasks[0].failure or result.tasks[0].output


async def test_tools_are_what_is_allowed_and_not_disallowed(lab):
    both = ["hand::left", "hand::right"]
    assert await names(lab, ("hand",)) == both
    assert await names(lab, ("hand::*",)) == both
    assert await names(lab, ("hand::right", "hand::left", "hand")) == both[::-1]
    assert await names(lab, ("hand",), ("hand::left",)) == both[1:]
    assert await names(lab, ("hand",), ("hand",)) == []
    assert await names(lab, ("hand",), ("hand::l*",)) == both[1:]
    assert await names(lab, ()) == []
    assert await names(lab, None) == []


async def test_without_a_word_of_its_own_a_task_has_the_agent_blocks_tools(lab):
    block = AgentBlock(allowed_tools=("hand",), disallowed_tools=("hand::left",))
    assert await names(lab, None, block=block) == ["hand::right"]
    assert await names(lab, (), block=block) == []
    assert await names(lab, ("hand",), block=block) == ["hand::right"]


async def test_a_tool_that_is_not_there_is_a_clear_failure(lab):
    failure = await names(lab, ("hand::third",))
    assert (failure.code, failure.category) == ("NIKA-018", Category.CONFIG)
    assert "`hand::third` is not there" in failure.message
    assert (await names(lab, ("foot",))).code == "NIKA-070"


async def test_two_tools_with_one_name_for_the_model_are_refused(lab):
    failure = await names(lab, ("hand",), facets=Toolbox("a_b", "a:b"))
    assert "are both called `a_b`" in failure.message


async def use(lab, hand, arguments, seen=None, times=1, **more):
    """Calls `hand::left` and gives what the model is told."""

    async def agent(payload, context):
        tool = (await context.tools())[0]
        told = [await context.call(tool, arguments) for _ in range(times)]
        return [[one.content, one.is_error] for one in told]

    result = await lab.run(*agent_run(lab, agent, hand, **more), *([] if seen is None else [seen.append]))
    assert result.tasks[0].failure is None
    return result.tasks[0].output if times > 1 else result.tasks[0].output[0]


async def echo(payload, context):
    return payload


async def test_a_tool_is_a_keywords_step_with_the_models_arguments(lab):
    assert await use(lab, echo, {"x": 1}) == ['{"given":{"x":1}}', False]


async def test_a_tool_call_is_told_as_an_event(lab):
    seen = []
    await use(lab, echo, {"x": 1}, seen)
    (event,) = [event for event in seen if event.kind is EventKind.TOOL_CALLED]
    assert event.task == "a"
    given = {"tool": "hand::left", "arguments": {"x": 1}, "isError": False, "durationMs": 0}
    assert event.data == given | {"content": '{"given":{"x":1}}'}


async def test_a_tools_result_is_bounded(lab):
    async def hand(payload, context):
        return "x" * 1000

    keywords_limit = lab.keyword("hand", default_max_output=100)
    request, services = agent_run(lab, None, hand)
    assert keywords_limit.default_max_output == 100

    async def agent(payload, context):
        return (await context.call((await context.tools())[0], {})).content

    services = lab.services(
        {"agent": agent, "hand": hand}, facets=lambda word: Toolbox(), keywords={"hand": keywords_limit}
    )
    result = await lab.run(request, services)
    assert len(result.tasks[0].output.encode()) == 100
    assert "TRUNCATED: 1000 bytes" in result.tasks[0].output


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TaskError("no route", category=Category.NETWORK), "network: no route"),
        (TaskError("exit 1", output="half"), "execution: exit 1\nhalf"),
        (RuntimeError("bug"), "unknown: keyword `hand` failed in a way that it does not explain: RuntimeError: bug"),
        (SystemExit(1), "unknown: keyword `hand` failed in a way that it does not explain: SystemExit: 1"),
        (ValueError("no"), "unknown: keyword `hand` failed in a way that it does not explain: ValueError: no"),
    ],
)
async def test_a_tools_failure_is_told_to_the_model_and_not_raised(lab, error, text):
    async def hand(payload, context):
        raise error

    assert await use(lab, hand, {}) == [text, True]


async def test_arguments_that_make_no_sense_are_told(lab):
    assert await use(lab, echo, {"bad": 1}) == ["these arguments make no sense: `bad` is not wanted", True]


async def test_a_tool_that_takes_too_long_is_ended_and_told(lab):
    ended = []

    async def hand(payload, context):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    assert await use(lab, hand, {}) == ["`hand::left` did not end within 30 s", True]
    assert ended


async def test_a_tool_that_does_not_stop_is_left_behind_and_told(lab):
    async def hand(payload, context):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    before = asyncio.all_tasks()
    told, is_error = await use(lab, hand, {})
    assert (told, is_error) == ("`hand::left` did not end within 30 s, and it did not stop when it was told to", True)
    await wait_until_idle()
    assert asyncio.all_tasks() == before


async def test_cancelling_the_task_reaches_its_tools(lab):
    ended = []

    async def hand(payload, context):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def agent(payload, context):
        tool = (await context.tools())[0]
        async with asyncio.TaskGroup() as group:
            group.create_task(context.call(tool, {"n": 1}))
            group.create_task(context.call(tool, {"n": 2}))

    request, services = agent_run(lab, agent, hand)
    run = Run(request, services)
    task = asyncio.create_task(run.result())
    await wait_until_idle()
    run.cancel()
    assert (await task).status is RunStatus.CANCELLED
    assert ended == [True, True]


async def test_what_a_tool_returns_must_be_json(lab):
    async def hand(payload, context):
        return object()

    told, is_error = await use(lab, hand, {})
    assert is_error
    assert "not JSON" in told


async def test_a_policy_can_refuse_a_tool(lab):
    def admit(admission):
        return Refusal("not this one") if admission.stage is Stage.TOOL else None

    assert await use(lab, echo, {}, policies=Gate(admit)) == ["budget: not this one", True]


async def test_what_a_tool_costs_counts_for_its_task(lab):
    async def hand(payload, context):
        return StepOutput("x", usage=Usage(7, calls=1))

    async def agent(payload, context):
        await context.call((await context.tools())[0], {})

    result = await lab.run(*agent_run(lab, agent, hand))
    assert result.tasks[0].usage.input_tokens == 7


async def test_no_tool_acts_twice_for_one_task(lab):
    acted = []

    async def hand(payload, context):
        acted.append((context.key, payload["given"]["n"]))
        return f"did {payload['given']['n']} as number {len(acted)}"

    told = []

    async def agent(payload, context):
        tool = (await context.tools())[0]
        calls = [{"n": 1}, {"n": 2}, {"n": 1}]
        if context.attempt == 1:
            calls.reverse()  # parallel calls come in any order
        found = [(await context.call(tool, call)).content for call in calls]
        told.append(sorted(found))
        if context.attempt == 1:
            raise TaskError("network", category=Category.NETWORK)

    seen = []
    result = await lab.run(*agent_run(lab, agent, hand), seen.append)
    assert result.tasks[0].state == "success"
    assert told[0] == told[1]
    assert len(acted) == 3
    assert len({key for key, _ in acted}) == 3, "each call has a key of its own"
    assert [event.data.get("reused", False) for event in seen if event.kind is EventKind.TOOL_CALLED] == [
        *[False] * 3,
        *[True] * 3,
    ]


async def test_a_tool_may_call_tools_but_not_for_ever(lab):
    deepest = []

    async def hand(payload, context):
        deepest.append(context.depth)
        outcome = await context.call((await context.tools())[0], {"n": len(deepest)})
        return outcome.content

    told, _ = await use(lab, hand, {})
    assert max(deepest) == 8
    assert "more than 8 deep" in told


async def test_effects_of_tools_wait_until_what_led_to_them_is_durable(lab):
    order = []

    async def barrier():
        order.append("durable")

    async def hand(payload, context):
        order.append("acts")

    await use(lab, hand, {}, barrier=barrier)
    assert order[:3] == ["durable", "acts", "durable"]
