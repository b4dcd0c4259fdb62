"""What a step's context refuses, keeps and shows: it ends with its step, and forges nothing."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from nika_core.engine.task.saved_state import MAX_BYTES
from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.message import ToolSpec
from nika_core.model.usage import Usage
from nika_core.model.workflow import Retry
from nika_core.plugin import ModelRequest, Question, StepOutput, Tool, WaitFor

TOOL = Tool("hand", "hand", ToolSpec("hand", "A hand."), dict)


async def failure_of(lab, step, *, tasks=None, **services):
    """Return the failure of a run of one step."""
    result = await lab.run(lab.request(tasks or lab.tasks("a")), lab.services(step, **services))
    assert result.tasks[0].failure is not None
    return result.tasks[0].failure


# ---- a context ends with its step

USES = {
    "mask": lambda context: context.mask("x"),
    "secret": lambda context: context.secret("x"),
    "fetch_secret": lambda context: context.fetch_secret("x"),
    "emit_text": lambda context: context.emit_text("x"),
    "notice": lambda context: context.notice("x"),
    "progress": lambda context: context.progress(1),
    "saved": lambda context: context.saved,
    "save": lambda context: context.save(1),
    "ask": lambda context: context.ask(Question(message="?")),
    "heartbeat": lambda context: context.heartbeat(),
    "resource": lambda context: context.resource("x", opened("x", [])),
    "model": lambda context: context.model(ModelRequest(())),
    "complete": lambda context: context.complete(ModelRequest(())),
    "tools": lambda context: context.tools(),
    "call": lambda context: context.call(TOOL, {}),
}


def opened(name, log):
    @asynccontextmanager
    async def manager():
        log.append(name)
        yield name

    return manager


async def used(context, name):
    """Use a context; return the error's message."""

    async def use():
        made = USES[name](context)
        return await made if asyncio.iscoroutine(made) else made

    with pytest.raises(TaskError) as error:
        await use()
    assert error.value.category is Category.UNKNOWN
    return error.value.message


def test_every_method_of_a_context_is_tried(lab):
    from nika_core.plugin import StepContext

    methods = {name for name, value in vars(StepContext).items() if callable(value) or isinstance(value, property)}
    assert {name for name in methods if not name.startswith("_")} == USES.keys()


@pytest.mark.parametrize("name", USES)
@pytest.mark.parametrize("ends", ["returns", "raises", "times out"])
async def test_a_context_is_closed_when_its_step_has_ended(lab, name, ends):
    kept = []

    async def step(payload, context):
        kept.append(context)
        if ends == "raises":
            raise TaskError("no")
        if ends == "times out":
            await context.clock.sleep(100)
        return "x"

    await lab.run(lab.request(lab.tasks("a", timeout=1.0)), lab.services(step))
    assert await used(kept[0], name) == "keyword `work` used the context of `a` after its `run` had ended"


async def test_a_step_that_uses_the_context_of_another_task_fails_with_its_name(lab):
    kept = []

    async def step(payload, context):
        kept.append(context)
        await kept[0].save(1)
        return "x"

    result = await lab.run(lab.request(lab.tasks("a b"), lab.flows("a>b")), lab.services(step))
    assert result.tasks[0].failure is None
    assert "used the context of `a` after its `run` had ended" in result.tasks[1].failure.message


async def test_a_step_that_does_not_stop_has_no_context_any_more(lab):
    errors = []

    async def step(payload, context):
        while not errors:
            try:
                await asyncio.Event().wait()
            except BaseException:
                try:
                    context.notice("still here")
                except TaskError as error:
                    errors.append(error)

    seen = []
    await lab.run(lab.request(lab.tasks("a", timeout=1.0), grace=2.0), lab.services(step), seen.append)
    told = [event.data["message"] for event in seen if event.kind is EventKind.NOTICE]
    assert told == ["still here", "`a` was told to stop and did not; the run goes on without it"]
    assert len(errors) <= 1  # after its grace it is offered no cancellation, or refused


async def test_the_context_of_a_tool_ends_with_the_tool(lab):
    kept = []

    async def hand(payload, context):
        kept.append(context)
        return "held"

    async def work(payload, context):
        await context.call(TOOL, {})
        context.emit_text("the task's own is still open")
        return await used(kept[0], "notice")

    result = await lab.run(lab.request(lab.tasks("a")), lab.services({"work": work, "hand": hand}))
    assert result.tasks[0].output == "keyword `hand` used the context of `a` after its `run` had ended"


# ---- events


@pytest.mark.parametrize("kind", [*EventKind, *(str(kind) for kind in EventKind)])
async def test_a_step_cannot_forge_an_event_of_the_kernel(lab, kind):
    async def step(payload, context):
        context.notice("x", kind=kind, data={"output": "forged"})
        return "real"

    seen = []
    result = await lab.run(lab.request(lab.tasks("a")), lab.services(step), seen.append)
    if kind in (EventKind.NOTICE, EventKind.CONTEXT_SUMMARIZED):
        assert result.tasks[0].output == "real"
        return
    assert f"tried to record the event `{kind}`" in result.tasks[0].failure.message
    assert "`work.name`" in result.tasks[0].failure.hint
    assert not [event for event in seen if "forged" in str(event.data)]


@pytest.mark.parametrize("kind", ["other.x", "work", "work.", "work.X", "work.a b", "task.done", "", None, 3])
async def test_a_step_records_no_kind_of_anybody_elses(lab, kind):
    async def step(payload, context):
        context.notice("x", kind=kind)

    assert "tried to record" in (await failure_of(lab, step)).message


async def test_a_step_records_kinds_of_its_own_keyword(lab):
    async def step(payload, context):
        context.notice("indexed", kind="work.indexed", data={"files": 3})
        return "x"

    seen, recorded = [], []
    await lab.run(lab.request(lab.tasks("a")), lab.services(step, record=recorded.extend), seen.append)
    (event,) = [event for event in recorded if event.kind == "work.indexed"]
    assert (event.task, event.data) == ("a", {"files": 3, "message": "indexed"})
    assert event in seen


async def test_a_step_may_record_a_tool_call_only_if_it_refused_it(lab):
    async def step(payload, context):
        context.notice("no such tool", kind=EventKind.TOOL_CALLED, data={"tool": "x", "isError": True})
        context.notice("x", kind=EventKind.TOOL_CALLED, data={"tool": "x", "isError": False})

    assert "tried to record the event `tool.called`" in (await failure_of(lab, step)).message


@pytest.mark.parametrize("data", [{"x": object()}, {"x": float("nan")}, ["x"], {1: "x"}])
async def test_the_data_of_an_event_are_json(lab, data):
    async def step(payload, context):
        context.notice("x", data=data)

    failure = await failure_of(lab, step)
    assert (failure.category, "keyword `work`" in failure.message) == (Category.UNKNOWN, True)


# ---- progress


async def test_progress_is_shown_and_is_in_no_history(lab):
    async def step(payload, context):
        context.progress(1, 3, "reading hush")
        context.progress(2.5)
        return "x"

    seen, recorded = [], []
    services = lab.services(step, record=recorded.extend, mask=lambda text: text.replace("hush", "***"))
    await lab.run(lab.request(lab.tasks("a")), services, seen.append)
    shown = [(event.seq, event.task, event.data) for event in seen if event.kind is EventKind.PROGRESS]
    assert shown == [(0, "a", {"done": 1, "total": 3, "text": "reading ***"}), (0, "a", {"done": 2.5, "text": ""})]
    assert not [event for event in recorded if event.kind is EventKind.PROGRESS]


@pytest.mark.parametrize(
    "wrong", [(float("nan"),), (1, float("inf")), (-1,), ("1",), (True,), (None,), (1, "2")], ids=str
)
async def test_progress_that_is_no_number_is_a_fault_of_the_plugin(lab, wrong):
    async def step(payload, context):
        context.progress(*wrong)

    assert "keyword `work` reports progress with" in (await failure_of(lab, step)).message


# ---- what a task saves


async def test_what_is_saved_is_there_in_the_next_attempt_and_in_no_other_task(lab):
    async def step(payload, context):
        before = context.saved
        await context.save({"n": (before or {"n": 0})["n"] + 1})
        if context.attempt < 3:
            raise TaskError("again", category=Category.NETWORK)
        return [before, context.saved]

    request = lab.request(lab.tasks("a b", retry=Retry(max=3)), lab.flows("a>b"))
    result = await lab.run(request, lab.services(step))
    assert [task.output for task in result.tasks] == [[{"n": 2}, {"n": 3}]] * 2


async def test_what_is_saved_is_there_after_a_wait(lab):
    async def step(payload, context):
        if context.saved is None:
            await context.save("asked")
            return WaitFor("answer", seconds=5.0, patience=None, default="yes", has_default=True)
        return [context.saved, context.signals["answer"]]

    result = await lab.run(lab.request(lab.tasks("a")), lab.services(step))
    assert result.tasks[0].output == ["asked", "yes"]


async def test_what_was_saved_changes_only_by_saving(lab):
    async def step(payload, context):
        state = {"list": [1]}
        await context.save(state)
        state["list"].append(2)
        context.saved["list"].append(3)
        return context.saved

    result = await lab.run(lab.request(lab.tasks("a")), lab.services(step))
    assert result.tasks[0].output == {"list": [1]}


async def test_saving_returns_when_it_is_durable(lab):
    order = []

    async def barrier():
        order.append("durable")

    async def step(payload, context):
        await context.save(1)
        order.append("saved")

    await lab.run(lab.request(lab.tasks("a")), lab.services(step, barrier=barrier))
    assert order.index("durable") < order.index("saved")


@pytest.mark.parametrize("state", [object(), float("inf"), {1: 2}])
async def test_only_json_is_saved(lab, state):
    async def step(payload, context):
        await context.save(state)

    assert "what keyword `work` saves" in (await failure_of(lab, step)).message


async def test_what_is_saved_is_bounded(lab):
    async def step(payload, context):
        await context.save("x" * (MAX_BYTES - 2))
        await context.save("x" * MAX_BYTES)

    failure = await failure_of(lab, step)
    assert failure.category is Category.VALIDATION
    assert f"a state of {MAX_BYTES + 2} bytes, {MAX_BYTES} are allowed" in failure.message


async def test_saving_a_secret_is_told(lab):
    async def step(payload, context):
        await context.save("hush")
        return "x"

    seen = []
    await lab.run(
        lab.request(lab.tasks("a")), lab.services(step, mask=lambda text: text.replace("hush", "*")), seen.append
    )
    (told,) = [event.data["message"] for event in seen if event.kind is EventKind.NOTICE]
    assert told == "what `work` saves has a secret in it: it is kept for this process only"


# ---- resources belong to a distribution


async def test_equal_keys_of_two_distributions_are_two_resources(lab):
    log = []

    async def step(payload, context):
        return await context.resource("client", opened(context.task_id, log))

    tasks = tuple(lab.task(name, index, keyword=name) for index, name in enumerate(("one", "two", "three")))
    services = lab.services(dict.fromkeys(("one", "two", "three"), step), distribution=lambda word: word[0])
    result = await lab.run(lab.request(tasks, lab.flows("one>two two>three")), services)
    assert [task.output for task in result.tasks] == ["one", "two", "two"]
    assert log == ["one", "two"]


# ---- fresh calls


async def test_a_fresh_call_is_made_in_every_attempt_and_an_ordinary_one_only_once(lab):
    calls = []

    async def hand(payload, context):
        calls.append((payload["fresh"], context.key))
        return str(len(calls))

    async def work(payload, context):
        for fresh in (False, True, True):
            await context.call(TOOL, {"fresh": fresh}, fresh=fresh)
        if context.attempt == 1:
            raise TaskError("again", category=Category.NETWORK)
        return "x"

    seen = []
    request = lab.request(lab.tasks("a", retry=Retry(max=2)))
    await lab.run(request, lab.services({"work": work, "hand": hand}), seen.append)
    assert [fresh for fresh, _ in calls] == [False, True, True, True, True]
    assert len({key for _, key in calls}) == 5  # what a fresh tool keeps is not a later one's
    told = [event.data.get("reused", False) for event in seen if event.kind is EventKind.TOOL_CALLED]
    assert told == [False, False, False, True, False, False]


# ---- groups of exceptions


async def test_a_task_error_in_a_task_group_is_the_tasks_failure(lab):
    async def fails():
        raise TaskError("down", category=Category.NETWORK, code="ACME-001", hint="plug it in", output="half")

    async def step(payload, context):
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())

    result = await lab.run(lab.request(lab.tasks("a", retry=Retry(max=2))), lab.services(step))
    (task,) = result.tasks
    assert (task.attempts, task.failure.category, task.failure.code) == (2, Category.NETWORK, "ACME-001")
    assert (task.failure.message, task.failure.hint) == ("down", "plug it in")


async def test_an_error_in_a_group_keeps_how_long_to_wait_and_what_it_cost(lab):
    async def step(payload, context):
        if context.attempt == 1:
            error = TaskError("busy", category=Category.RATE_LIMIT, retry_after=30.0, usage=Usage(1, 2))
            raise ExceptionGroup("outer", [ExceptionGroup("inner", [error])])
        return "x"

    result = await lab.run(lab.request(lab.tasks("a", retry=Retry(max=2))), lab.services(step))
    assert (result.tasks[0].attempts, result.duration) == (2, 30.0)
    assert result.usage.total_tokens == 3


async def test_of_several_errors_the_most_severe_counts_and_names_the_others(lab):
    async def step(payload, context):
        errors = [
            TaskError("slow", category=Category.TIMEOUT, usage=Usage(1, 0)),
            TaskError("no key", category=Category.CONFIG, code="ACME-002", hint="set it", usage=Usage(10, 0)),
            TaskError("down", category=Category.NETWORK),
            KeyError("x"),
        ]
        raise ExceptionGroup("several", errors)

    result = await lab.run(lab.request(lab.tasks("a", retry=Retry(max=2))), lab.services(step))
    (task,) = result.tasks
    assert (task.attempts, task.failure.category, task.failure.code) == (1, Category.CONFIG, "ACME-002")
    assert task.failure.message == "no key (also failed: slow; down; KeyError: 'x')"
    assert task.failure.hint == "set it"
    assert result.usage.total_tokens == 11


async def test_a_group_without_an_explained_error_is_a_fault_of_the_plugin(lab):
    async def step(payload, context):
        raise ExceptionGroup("several", [KeyError("x")])

    failure = await failure_of(lab, step)
    assert failure.category is Category.UNKNOWN
    assert "in a way that it does not explain: ExceptionGroup" in failure.message


async def test_an_interrupt_in_a_group_ends_the_run(lab):
    async def step(payload, context):
        raise BaseExceptionGroup("several", [KeyboardInterrupt(), TaskError("x")])

    result = await lab.run(lab.request(lab.tasks("a")), lab.services(step))
    assert result.status == "cancelled"


async def test_the_error_of_a_tools_group_is_told_to_the_model(lab):
    async def hand(payload, context):
        raise ExceptionGroup("several", [TaskError("down", category=Category.NETWORK)])

    async def work(payload, context):
        result = await context.call(TOOL, {})
        return StepOutput([result.content, result.is_error])

    result = await lab.run(lab.request(lab.tasks("a")), lab.services({"work": work, "hand": hand}))
    assert result.tasks[0].output == ["network: down", True]


@pytest.mark.parametrize(
    "usage",
    [Usage(cost_usd=Decimal("NaN")), Usage(cost_usd=1.5), Usage(saved_usd=Decimal("inf")), Usage(1.5), {}],
    ids=repr,
)
async def test_what_a_step_has_used_is_figures(lab, usage):
    async def step(payload, context):
        return StepOutput("x", usage=usage)

    failure = await failure_of(lab, step)
    assert (failure.category, failure.message.startswith("keyword `work` returned ")) == (Category.UNKNOWN, True)
