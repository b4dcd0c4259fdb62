"""One task through all its attempts."""

import asyncio
import importlib
from decimal import Decimal

import pytest

from nika_core.engine.task.retry_delay import LONGEST_RETRY_AFTER
from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.message import parts_of
from nika_core.model.state import RunStatus
from nika_core.model.usage import Usage
from nika_core.model.workflow import OutputSpec, Retry
from nika_core.plugin import ModelReply, ModelRequest, StepOutput


class Attempts:
    """A step that raises what it is given, in order, and then returns `end`."""

    def __init__(self, *errors, end="fine"):
        self.errors = list(errors)
        self.end = end
        self.contexts = []

    async def run(self, payload, context):
        self.contexts.append(context)
        if self.errors:
            raise self.errors.pop(0)
        return self.end


def network(**more):
    return TaskError("no route", category=Category.NETWORK, **more)


async def one(lab, step, *, task=None, seen=None, limits=None, **services):
    """Runs one task and gives its result."""
    request = lab.request((task or lab.task("a"),), limits=limits or lab.limits(attempts=3, retry__delay=1))
    observers = [] if seen is None else [seen.append]
    result = await lab.run(request, lab.services(step, **services), *observers)
    return result.tasks[0]


# ---- retries


async def test_an_error_that_may_pass_is_tried_again(lab):
    step = Attempts(network())
    result = await one(lab, step)
    assert (result.state, result.output, result.attempts) == ("success", "fine", 2)
    assert [context.attempt for context in step.contexts] == [1, 2]
    assert {context.key for context in step.contexts} == {"r/a#1"}


@pytest.mark.parametrize("category", list(Category))
async def test_only_some_categories_are_tried_again(lab, category):
    result = await one(lab, Attempts(TaskError("x", category=category)))
    assert result.attempts == (
        2 if category.value in ["timeout", "network", "rateLimit", "provider", "execution"] else 1
    )


async def test_an_error_may_say_that_trying_again_is_no_use(lab):
    assert (await one(lab, Attempts(network(retriable=False)))).attempts == 1


@pytest.mark.parametrize(("most", "attempts"), [(1, 1), (2, 2), (3, 3), (4, 3)])
async def test_retry_max_counts_all_attempts_within_the_limit(lab, most, attempts):
    seen = []
    task = lab.task("a", retry=Retry(max=most))
    result = await one(lab, Attempts(*[network()] * 9), task=task, seen=seen)
    assert (result.state, result.attempts) == ("failed", attempts)
    notices = [event.data["message"] for event in seen if event.kind is EventKind.NOTICE]
    assert notices == (["`retry.max` is 4, but NIKA_ATTEMPTS allows 3 attempts"] if most > 3 else [])


@pytest.mark.parametrize(("limit", "attempts"), [(1, 1), (2, 2), (5, 5)])
async def test_the_limit_is_what_holds_without_a_word_of_the_task(lab, limit, attempts):
    result = await one(lab, Attempts(*[network()] * 9), limits=lab.limits(attempts=limit, retry__delay=1))
    assert result.attempts == attempts


async def test_without_any_policy_nothing_is_tried_again(lab):
    assert (await one(lab, Attempts(network()), limits=lab.limits(retry__delay=1))).attempts == 1


def delays(seen):
    return [event.data["delay"] for event in seen if event.kind is EventKind.TASK_RETRYING]


async def test_backoff_doubles_and_is_capped_at_a_minute(lab):
    seen = []
    limits = lab.limits(attempts=10, retry__delay=1)
    result = await one(lab, Attempts(*[network()] * 9), seen=seen, limits=limits)
    assert delays(seen) == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert result.duration == 243


async def test_jitter_is_full(lab):
    seen = []
    draws = iter([0.0, 0.25])
    await one(lab, Attempts(network(), network()), seen=seen, random=lambda: next(draws))
    assert delays(seen) == [0.0, 0.5]


async def test_a_tasks_own_backoff_goes_before_the_limit(lab):
    seen = []
    await one(lab, Attempts(network()), task=lab.task("a", retry=Retry(backoff=7.0)), seen=seen)
    assert delays(seen) == [7.0]


async def test_retry_after_is_waited_for_at_least(lab):
    seen = []
    await one(lab, Attempts(network(retry_after=30.0), network(retry_after=0.5)), seen=seen)
    assert delays(seen) == [30.0, 2.0]


async def test_a_retry_after_beyond_all_patience_ends_it(lab):
    result = await one(lab, Attempts(network(retry_after=LONGEST_RETRY_AFTER + 1)))
    assert result.attempts == 1
    assert "601 s, which is too long" in result.failure.message


async def test_a_retry_is_told_with_its_error_before_it_starts(lab):
    seen = []
    await one(lab, Attempts(network()), seen=seen)
    kinds = [event.kind.value for event in seen if event.task]
    assert kinds == ["task.ready", "task.started", "task.retrying", "task.started", "task.succeeded"]
    retrying = seen[3].data
    assert retrying == {"attempt": 1, "delay": 1.0, "error": network_json()}
    assert seen[4].data == {"epoch": 1, "attempt": 2}


def network_json():
    return {"code": "NIKA-081", "category": "network", "message": "no route"}


async def test_cancelling_ends_the_wait_for_another_attempt(lab):
    from nika_core.engine.local.host import Run

    services = lab.services(Attempts(*[network()] * 9))
    run = Run(lab.request(lab.tasks("a"), limits=lab.limits(attempts=3, retry__delay=50)), services)
    task = asyncio.create_task(run.result())
    await services.clock.advance(10)
    run.cancel()
    result = await task
    assert (result.status, result.tasks[0].failure.category) == (RunStatus.CANCELLED, Category.CANCELLED)


# ---- time


async def slow(payload, context):
    await context.clock.sleep(1000)


@pytest.mark.parametrize(
    ("own", "measure", "seconds"), [(2.0, 5.0, 2.0), (9.0, 5.0, 9.0), (None, 5.0, 5.0), (None, None, 60.0)]
)
async def test_an_attempt_has_the_tasks_time_else_the_limits_else_the_keywords(lab, own, measure, seconds):
    limits = {"timeout__work": measure} if measure else {}
    result = await one(lab, slow, task=lab.task("a", timeout=own), limits=lab.limits(attempts=1, **limits))
    assert (result.failure.code, result.failure.category) == ("NIKA-061", Category.TIMEOUT)
    assert result.failure.message == f"`work` did not end within {seconds:g} s"
    assert result.duration == seconds


async def test_what_a_step_says_when_its_time_is_over_is_in_the_failure(lab):
    async def step(payload, context):
        try:
            await slow(payload, context)
        except asyncio.CancelledError as error:
            raise TaskError("the other side has said nothing but 'hello'") from error

    result = await one(lab, step, task=lab.task("a", timeout=2.0), limits=lab.limits(attempts=1))
    assert result.failure.category is Category.TIMEOUT
    assert result.failure.message == "`work` did not end within 2 s (the other side has said nothing but 'hello')"


async def test_each_attempt_has_its_own_time(lab):
    async def step(payload, context):
        if context.attempt < 3:
            await context.clock.sleep(1000)
        return context.timeout

    result = await one(lab, step, task=lab.task("a", timeout=5.0))
    assert (result.output, result.duration) == (5.0, 5 + 1 + 5 + 2)


async def test_what_ends_just_in_time_is_no_timeout(lab):
    async def step(payload, context):
        await context.clock.sleep(4.999)
        return "in time"

    assert (await one(lab, step, task=lab.task("a", timeout=5.0))).output == "in time"


async def test_the_time_for_cleaning_up_after_a_timeout_is_bounded(lab):
    async def step(payload, context):
        try:
            await context.clock.sleep(1000)
        finally:
            await context.clock.sleep(1000)

    result = await one(lab, step, task=lab.task("a", timeout=5.0))
    assert (result.attempts, result.duration) == (1, 10.0)
    assert "told to stop and did not" in result.failure.message
    assert result.failure.category is Category.TIMEOUT


async def test_a_timeout_leaves_no_cancellation_behind_for_the_next_attempt(lab):
    async def step(payload, context):
        if context.attempt == 1:
            await context.clock.sleep(1000)
        async with asyncio.timeout(100):
            await asyncio.sleep(0)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        return asyncio.current_task().cancelling()

    assert (await one(lab, step, task=lab.task("a", timeout=5.0))).output == 0


async def test_an_error_while_it_is_stopped_for_its_time_is_still_a_timeout(lab):
    async def step(payload, context):
        try:
            await context.clock.sleep(1000)
        finally:
            raise TaskError("killed", output="half of it")

    events = []
    result = await one(lab, step, task=lab.task("a", timeout=5.0), limits=lab.limits(attempts=1), record=events.extend)
    assert result.failure.category is Category.TIMEOUT
    assert produced(events) == "half of it"


# ---- plugins that misbehave


class BrokenError(Exception):
    def __str__(self):
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit"),
        (BrokenError(), "BrokenError"),
        (ExceptionGroup("two", [ValueError("a")]), "ExceptionGroup: two (1 sub-exception)"),
    ],
)
async def test_any_exception_is_a_failure_of_the_plugin_and_not_of_the_run(lab, error, text):
    result = await one(lab, Attempts(error))
    assert (result.failure.code, result.failure.category) == ("NIKA-089", Category.UNKNOWN)
    assert result.failure.message == f"keyword `work` failed in a way that it does not explain: {text}"


async def test_a_step_that_cancels_itself_has_failed(lab):
    result = await one(lab, Attempts(asyncio.CancelledError()))
    assert (result.failure.category, result.failure.message) == (Category.UNKNOWN, "it cancelled itself")


async def test_a_run_that_is_no_coroutine_is_told(lab):
    class Sync:
        def run(self, payload, context):
            return "x"

    assert "not an `async def`" in (await one(lab, Sync())).failure.message


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, float("nan"), {"x": [float("inf")]}, b"bytes", {"a": {1, 2}}, lambda: 1]
)
async def test_what_is_no_json_is_no_output(lab, value):
    result = await one(lab, Attempts(end=value))
    assert result.failure.category is Category.UNKNOWN
    assert "not JSON" in result.failure.message


async def test_a_keyword_that_nobody_offers_fails_its_task(lab):
    result = await one(lab, Attempts(), task=lab.task("a", keyword="nothing"))
    assert (result.failure.code, result.attempts) == ("NIKA-070", 0)


# ---- outputs


@pytest.mark.parametrize(("size", "truncated"), [(99, False), (100, False), (101, True)])
async def test_a_text_is_cut_to_its_limit(lab, size, truncated):
    result = await one(lab, Attempts(end="x" * size), limits=lab.limits(output__work=100))
    assert result.truncated is truncated
    assert len(result.output.encode()) == min(size, 100)
    assert result.output.endswith("[TRUNCATED: 101 bytes → 100 bytes]") is truncated or size < 100


async def test_the_smallest_limit_of_an_output_holds(lab):
    limits = lab.limits(output__work=200, output__bytes=100)
    assert len((await one(lab, Attempts(end="x" * 300), limits=limits)).output) == 98  # the arrow has three bytes


async def test_the_keywords_own_limit_holds_where_no_policy_has_one(lab):
    keywords = {"work": lab.keyword(default_max_output=50)}
    assert (await one(lab, Attempts(end="x" * 51), keywords=keywords)).truncated


async def test_what_a_step_had_cut_already_is_told_with_its_real_size(lab):
    result = await one(lab, Attempts(end=StepOutput("x" * 99, original_bytes=5000)), limits=lab.limits(output__work=99))
    assert result.output.endswith("[TRUNCATED: 5000 bytes → 99 bytes]")


async def test_json_that_is_too_large_is_cut_as_text(lab):
    result = await one(lab, Attempts(end={"a": "x" * 100}), limits=lab.limits(output__work=60))
    assert result.output.startswith('{"a":"xxx')
    assert result.truncated


@pytest.mark.parametrize(("depth", "state"), [(2, "success"), (3, "success"), (4, "failed")])
async def test_an_output_is_nested_at_most_so_deep(lab, depth, state):
    value = "x"
    for _ in range(depth):
        value = [value]
    result = await one(lab, Attempts(end=value), limits=lab.limits(json__depth=3))
    assert result.state == state
    if state == "failed":
        assert (result.failure.code, result.failure.category) == ("NIKA-063", Category.VALIDATION)


async def test_half_a_character_becomes_a_question_mark(lab):
    assert (await one(lab, Attempts(end="a\ud800b"))).output == "a?b"


@pytest.mark.parametrize(("size", "cut"), [(99, False), (100, False), (101, True)])
async def test_an_error_is_cut_to_its_limit(lab, size, cut):
    result = await one(
        lab, Attempts(TaskError("x" * size, category=Category.CONFIG)), limits=lab.limits(error__bytes=100)
    )
    assert ("TRUNCATED" in result.failure.message) is cut
    assert len(result.failure.message.encode()) == min(size, 100)


def produced(events):
    return next(event.data["output"] for event in events if event.kind is EventKind.TASK_FAILED)


async def test_what_a_failed_task_had_produced_is_kept_and_is_no_output(lab):
    events = []
    step = Attempts(TaskError("x", category=Category.CONFIG, output={"a": 1}))
    result = await one(lab, step, record=events.extend)
    assert (result.state, result.has_output, result.output) == ("failed", False, None)
    assert produced(events) == {"a": 1}


# ---- output: {format: json, schema}

importlib.import_module("jsonschema.validators")  # else a thread does it, which a manual clock does not see


def wants(lab, schema=None):
    return lab.task("a", output=OutputSpec("json", schema))


async def test_text_is_parsed_when_json_is_asked_for(lab):
    assert (await one(lab, Attempts(end='{"score": 3}'), task=wants(lab))).output == {"score": 3}
    assert (await one(lab, Attempts(end={"score": 3}), task=wants(lab))).output == {"score": 3}


@pytest.mark.parametrize(
    "text",
    ["", "no", "{", "NaN", "[Infinity]", "[1e999]", "9" * 5000, '{"a": 1, "a": 2}', '{"a": 1} and more', "[" * 100_000],
)
async def test_what_is_not_json_fails_with_category_validation(lab, text):
    result = await one(lab, Attempts(end=text), task=wants(lab))
    assert (result.failure.category, result.attempts) == (Category.VALIDATION, 1)


async def test_a_schema_is_checked_and_the_place_is_told(lab):
    schema = {"type": "object", "properties": {"scores": {"type": "array", "items": {"type": "integer"}}}}
    task = wants(lab, schema)
    assert (await one(lab, Attempts(end='{"scores": [1, 2]}'), task=task)).state == "success"
    result = await one(lab, Attempts(end='{"scores": [1, "x"]}'), task=task)
    assert result.failure.message == "the output does not fit its schema: $.scores[1]: 'x' is not of type 'integer'"


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x.json", "file:///etc/passwd"])
async def test_a_schema_fetches_nothing(lab, reference):
    result = await one(lab, Attempts(end="{}"), task=wants(lab, {"$ref": reference}))
    assert result.failure.category is Category.CONFIG


# ---- usage


async def test_usage_of_failed_attempts_counts(lab):
    paid = Usage(10, 5, Decimal("0.5"), calls=1)
    step = Attempts(network(usage=paid), end=StepOutput("x", usage=Usage(1, 1, calls=1)))
    result = await one(lab, step)
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.calls) == (11, 6, 2)
    assert result.usage.cost_usd == Decimal("0.5")


class Caller:
    """A caller that tells usage itself (`tells`), or leaves it in its reply or its error."""

    def __init__(self, tells, fails=False):
        self.tells = tells
        self.fails = fails

    async def complete(self, request, call):
        usage = Usage(10, 5, calls=1)
        if self.tells:
            call.on_usage(usage)
        call.on_text("hi")
        if self.fails:
            raise TaskError("overloaded", category=Category.CONFIG, usage=usage)
        return ModelReply(parts_of("hi"), "end", usage, "m")

    async def close(self):
        pass


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("wraps", [True, False])
async def test_a_call_counts_once_whoever_tells_its_usage(lab, tells, fails, wraps):
    async def step(payload, context):
        try:
            reply = await context.complete(ModelRequest(()))
        except TaskError as error:
            if wraps:
                raise TaskError("wrapped", category=Category.CONFIG, usage=error.usage) from error
            raise
        return StepOutput(reply.text, usage=reply.usage if wraps else Usage())

    seen = []
    result = await one(lab, step, caller=Caller(tells, fails), seen=seen)
    assert (result.usage.total_tokens, result.usage.calls) == (15, 1)
    called = [event.data for event in seen if event.kind is EventKind.MODEL_CALLED]
    assert [data["model"] for data in called] == ([] if fails else ["m"])
    assert [event.data["text"] for event in seen if event.kind is EventKind.CHUNK] == ["hi"]


async def test_usage_is_kept_when_a_call_is_cut_off_by_its_time(lab):
    async def step(payload, context):
        await context.complete(ModelRequest(()))
        await context.clock.sleep(1000)

    result = await one(lab, step, caller=Caller(tells=True), limits=lab.limits(attempts=1))
    assert (result.state, result.usage.total_tokens) == ("failed", 15)


@pytest.mark.parametrize("kind", [list, type("Values", (list,), {})])
async def test_what_a_step_does_to_its_payload_is_not_seen_by_its_next_attempt(lab, kind):
    seen = []

    async def step(payload, context):
        seen.append(list(payload["x"]))
        payload["x"].append("changed")
        if context.attempt == 1:
            raise TaskError("x", category=Category.NETWORK)

    def render(task, values):  # a template source is a plugin, and may give lists of its own kind
        return {"x": kind(["given"])}

    await lab.run(lab.request(lab.tasks("a", retry=Retry(max=2))), lab.services(step, render=render))
    assert seen == [["given"], ["given"]]
