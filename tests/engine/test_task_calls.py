"""A task's call is complete: through JSON and back it is the same, and so is what an attempt does with it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nika_core.engine.core.calls import call_json, call_of
from nika_core.engine.core.messages import InnerBudget, TaskCall
from nika_core.engine.local.host import Run
from nika_core.engine.task.attempt import TaskRun
from nika_core.errors import Category, TaskError
from nika_core.model.approval import ToolGrant
from nika_core.model.effort import EFFORTS
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId
from nika_core.model.late_values import KnownValue, LateLeaf, LateValue
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.message import ImagePart, Message, ReasoningPart, Role, TextPart, ToolCall, ToolResultPart
from nika_core.model.workflow import AgentBlock, Mode, OutputSpec, Retry
from nika_core.plugin import StepOutput, WaitFor

texts = st.text(max_size=8)
names = st.sampled_from(["a", "b", "shell", "mcp::x/*"])
keys = st.sampled_from(["k", "l", "m"])
numbers = st.integers(1, 4)
seconds = st.floats(0.5, 1e4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=3)
tools = st.lists(names, max_size=2).map(tuple)
nodes = st.sampled_from(["build", "review[3]", "draft@2", "sections[2]/write"]).map(NodeId)
tool_calls = st.builds(ToolCall, texts, names, st.none() | objects, texts)
files = st.builds(ImagePart, st.just("image/png"), st.binary(max_size=8), texts)
results = st.builds(ToolResultPart, texts, texts, st.booleans())
reasoning = st.builds(ReasoningPart, objects, texts)
parts = st.one_of(st.builds(TextPart, st.text(min_size=1, max_size=8)), tool_calls, files, results, reasoning)
messages = st.builds(Message, st.sampled_from(Role), st.lists(parts, max_size=3))
agents = st.builds(
    AgentBlock,
    st.none() | names,
    st.none() | names,
    st.none() | texts,
    st.none() | texts,
    st.sampled_from(Mode),
    st.none() | numbers,
    st.none() | seconds,
    st.none() | numbers,
    st.none() | seconds,
    st.none() | tools,
    tools,
    tools,
    st.none() | names,
    st.sampled_from(["refuse", "summarize"]),
    tools,
    st.none() | st.sampled_from(EFFORTS),
    st.booleans(),
)
kinds = st.sampled_from(
    [LimitKind.ATTEMPTS, LimitKind.JSON_DEPTH, LimitKind.OUTPUT_BYTES, LimitKind.RETRY_DELAY, "timeout.work"]
)
limits = st.lists(st.builds(Limit, kinds, numbers, st.sampled_from(Unit), texts, texts, texts), max_size=3).map(Limits)
calls = st.builds(
    TaskCall,
    nodes,
    st.just("work"),
    numbers,
    texts,
    objects,
    texts,
    texts,
    st.sampled_from([".", "/x/y"]),
    st.builds(OutputSpec, st.sampled_from(["text", "json"]), st.none() | st.just({"type": "object"})),
    st.none() | seconds,
    st.builds(Retry, st.none() | numbers, st.none() | seconds),
    st.none() | tools,
    tools,
    tools,
    st.lists(st.builds(ToolGrant, names, texts), max_size=2).map(tuple),
    st.lists(messages, max_size=2).map(tuple),
    agents,
    objects,
    limits,
    st.dictionaries(keys, values, max_size=2),
    st.dictionaries(keys, seconds, max_size=2),
    st.none() | seconds,
    st.dictionaries(keys, texts, max_size=2),
    st.lists(st.builds(InnerBudget, texts, texts, seconds, texts), max_size=2).map(tuple),
    st.just(()),
)
known = st.builds(KnownValue, values) | st.builds(
    LateValue, st.lists(numbers, max_size=2).map(tuple), st.lists(values, max_size=1).map(tuple)
)
late_leaves = st.builds(
    LateLeaf, st.lists(names | numbers, max_size=3).map(tuple), texts, st.lists(known, max_size=2).map(tuple)
)
waits = st.builds(WaitFor, keys, objects, st.none() | seconds, st.none() | seconds, values, st.booleans())
failures = st.builds(TaskError, texts.map(lambda text: text or "x"), category=st.sampled_from(Category))
plays = st.lists(values | st.builds(StepOutput, values) | waits | failures, min_size=4, max_size=4)


def through_json(call: TaskCall) -> TaskCall:
    return call_of(json.loads(json.dumps(call_json(call))))


class Recording:
    """A step that plays its part, and keeps all that it sees."""

    SEEN = (
        *("run_id", "task_id", "key", "attempt", "folder", "timeout", "max_output", "max_json_depth", "output"),
        *("agent", "sections", "signals", "messages"),
    )

    def __init__(self, play: list[Any]) -> None:
        self.play = list(play)
        self.seen: list[Any] = []

    async def run(self, payload: Any, context: Any) -> Any:
        self.seen.append((payload, {name: getattr(context, name) for name in self.SEEN}))
        context.notice("seen", kind=EventKind.NOTICE)
        act = self.play.pop(0) if self.play else "over"
        if isinstance(act, TaskError):
            raise act
        return act


def attempted(lab: Any, call: TaskCall, play: list[Any]) -> Any:
    """What a call comes to: how it ended, what its step saw, what was reported of it."""
    step = Recording(play)
    services = lab.services(step)
    run = Run(lab.request((), limits=call.limits), services, [])

    async def attempt() -> Any:
        task_run = TaskRun(run.context.task_services, call, lambda abandoned: None)
        task_run.task = asyncio.create_task(task_run.run())  # type: ignore[assignment]  # its result is the test's
        return await task_run.task

    async def whole() -> Any:
        try:
            return await services.clock.run(attempt())
        finally:
            sleeper = run.context.deadlines.close()
            if sleeper is not None:
                await asyncio.wait([sleeper])

    ended = asyncio.run(whole())
    return ended, step.seen, list(run._inbox)  # what the core was told before it ended


@given(call=calls, late=st.lists(late_leaves, max_size=2).map(tuple))
def test_a_call_is_the_same_after_it_was_json(call: TaskCall, late: tuple[LateLeaf, ...]) -> None:
    call = call._replace(late=late)
    assert through_json(call) == call
    assert hash(through_json(call).limits) == hash(call.limits)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(call=calls, play=plays)
def test_an_attempt_does_the_same_with_it(lab: Any, call: TaskCall, play: list[Any]) -> None:
    call = call._replace(
        output=replace(call.output, schema=None)
    )  # checked in a thread, which `ManualClock` cannot see
    lived, sent = attempted(lab, call, play), attempted(lab, through_json(call), play)
    assert lived == sent
    assert lived[1], "the step was run"
