"""What authors use to try a plugin in a test: whole workflows, a scripted model, a fake context."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nika_core.errors import Category, ProblemsError, TaskError
from nika_core.model.message import Message, Role, ToolSpec
from nika_core.model.state import RunStatus
from nika_core.plugin import ModelRequest, Tool, ToolResult
from nika_core.testing import (
    FakeStepContext,
    ManualClock,
    ScriptedModel,
    model_reply,
    plan_workflow,
    run_workflow,
    start_workflow,
    validate_workflow,
)


def ask(text: str) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),))


def test_a_workflow_runs_through_the_real_kernel_and_leaves_nothing() -> None:
    ran = run_workflow(
        """
        tasks:
          - {id: a, echo: {value: {x: [1, true, null]}}}
          - {id: b, echo: "{{a.x.1}} ${input.who} ${env.CITY}"}
        """,
        inputs={"who": "Ada"},
        environ={"CITY": "Paris"},
    )
    assert ran.result.status is RunStatus.SUCCEEDED
    assert ran.task("a").output == {"x": [1, True, None]}
    assert ran.output == "true Ada Paris"
    assert ran.events[0].kind.value == "run.started"


def test_nothing_of_this_processs_environment_gets_into_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_API_KEY", "secret-123456")
    ran = run_workflow('tasks:\n  - {id: a, echo: "${env.SOMEBODYS_API_KEY ?? 7}"}\n')
    assert ran.output == 7


def test_an_invalid_workflow_raises_with_its_problems() -> None:
    text = "tasks:\n  - {id: a, ecko: hi}\n"
    (problem,) = validate_workflow(text)
    assert (problem.code, problem.place and problem.place.line) == ("NIKA-070", 2)
    with pytest.raises(ProblemsError, match="ecko"):
        run_workflow(text)


def test_a_plan_says_what_would_be_touched() -> None:
    plan = plan_workflow("tasks:\n  - {id: a, shell: make}\n")
    assert plan.tasks[0].effects[0].kind == "process"


def test_files_stay_in_a_folder_that_is_given(tmp_path: Path) -> None:
    run_workflow("tasks:\n  - {id: a, shell: touch here}\n", folder=tmp_path, journal=True)
    assert {path.name for path in tmp_path.iterdir()} == {"here", "test.nika.yaml", ".nika"}


async def test_a_run_can_be_started_inside_an_event_loop() -> None:
    assert (await start_workflow("tasks:\n  - {id: a, echo: hi}\n")).output == "hi"


def test_a_scripted_model_answers_and_keeps_what_it_was_asked() -> None:
    model = ScriptedModel(model_reply("one"), "done")
    model.enqueue("never asked for")
    ran = run_workflow(
        "agent: {model: any}\ntasks:\n  - {id: a, llm: first}\n  - {id: b, llm: 'second {{a}}'}\n", model=model
    )
    assert ran.output == "done"
    assert [request.messages[-1].text for request in model.requests] == ["first", "second one"]
    assert model.remaining == 1


def test_a_scripted_model_raises_what_is_enqueued_and_says_when_its_script_is_over() -> None:
    model = ScriptedModel(TaskError("slow down", category=Category.RATE_LIMIT, retriable=False))
    ran = run_workflow("agent: {model: any}\ntasks:\n  - {id: a, llm: hi}\n", model=model)
    failure = ran.task("a").failure
    assert failure is not None
    assert failure.category is Category.RATE_LIMIT
    ran = run_workflow("agent: {model: any}\ntasks:\n  - {id: a, llm: hi}\n", model=ScriptedModel())
    failure = ran.task("a").failure
    assert failure is not None
    assert "at its end" in failure.message


def test_a_silent_model_is_ended_by_the_tasks_time() -> None:
    model = ScriptedModel()
    model.enqueue_silence()
    text = "agent: {model: any}\ntasks:\n  - {id: a, llm: hi, timeout: 50ms, retry: {max: 1}}\n"
    failure = run_workflow(text, model=model).task("a").failure
    assert failure is not None
    assert failure.category is Category.TIMEOUT


async def test_a_fake_context_keeps_what_a_step_shows_tells_and_calls() -> None:
    tool = Tool("echo", "echo", ToolSpec("echo", "Echoes."), lambda arguments: arguments)
    context = FakeStepContext(
        secrets=["tops3cret"],
        scripted=ScriptedModel("hello"),
        offered=[tool],
        on_call=lambda tool, arguments: ToolResult(f"{tool.name}: {arguments}"),
    )
    assert context.mask("it is tops3cret") == "it is ***"
    assert (await context.complete(ask("hi"))).text == "hello"
    context.notice("careful")
    assert [outcome.content for outcome in [await context.call(tool, {"a": 1})]] == ["echo: {'a': 1}"]
    assert context.chunks == ["hello"]
    assert [noticed.message for noticed in context.notices] == ["careful"]
    assert context.calls == [("echo", {"a": 1})]
    assert await context.tools() == [tool]
    with pytest.raises(TaskError, match="no provider"):
        await FakeStepContext().complete(ask("hi"))


async def test_a_fake_context_opens_a_resource_once_and_closes_it() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[str]:
        seen.append("open")
        yield "it"
        seen.append("closed")

    @asynccontextmanager
    async def failing() -> AsyncIterator[str]:
        raise TaskError("cannot be opened")
        yield ""

    async with FakeStepContext() as context:
        assert await asyncio.gather(context.resource("a", opened), context.resource("a", opened)) == ["it", "it"]
        with pytest.raises(TaskError, match="cannot be opened"):
            await context.resource("b", failing)
        assert seen == ["open"]
    assert seen == ["open", "closed"]


async def test_a_fake_context_has_a_clock_that_a_test_moves_on() -> None:
    context = FakeStepContext()
    assert isinstance(context.clock, ManualClock)
    waiting = asyncio.create_task(context.clock.sleep(3600))
    await context.clock.advance(3600)
    assert waiting.done()
