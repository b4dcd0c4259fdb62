"""What servers ask in calls, over stdio and HTTP, as of 2025-11-25 and 2026-07-28: answered, declined, refused."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_mcp.step import McpStep

from nika_core.model.clock import SystemClock
from nika_core.plugin import Question, TaskError, check_answer
from nika_core.testing import FakeStepContext

SERVER = str(Path(__file__).parent / "asking_mcp_server.py")
EVERYWHERE = pytest.mark.parametrize("how", ["stdio", "http", "stdio modern", "http modern"])
Answers = Callable[[Question], Awaitable[Any]]


class AskingContext(FakeStepContext):
    """A context in which `answers` may be a function of the question."""

    person: Answers | None = None

    async def ask(self, question: Question) -> Any:
        if self.person is None:
            return await super().ask(question)
        self.questions.append(question)
        return check_answer(question, await self.person(question))


@pytest.fixture
async def context(how: str, tmp_path: Path) -> AsyncIterator[AskingContext]:
    """A context whose workflow declares the server as `asking`."""
    process = None
    if "http" in how:
        process = subprocess.Popen(
            [sys.executable, SERVER, *how.split()],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        declared: dict[str, Any] = {"url": process.stdout.readline().strip()}
    else:
        declared = {"command": sys.executable, "args": [SERVER, *how.split()]}
    try:
        async with AskingContext(timeout=120.0, clock=SystemClock(), folder=tmp_path) as made:
            made.environ = {"PATH": os.environ["PATH"], "NIKA_MCP_ALLOW": "127.0.0.1"}
            made.sections = {"mcpServers": {"asking": declared}}
            yield made
    finally:
        if process is not None:
            process.kill()
            process.communicate()


async def call(context: FakeStepContext, tool: str, *answers: Any, **args: Any) -> Any:
    context.answers = list(answers)
    async with asyncio.timeout(120):
        return await McpStep().run({"reference": f"asking::{tool}", "args": args}, context)


def calls(context: FakeStepContext) -> list[str]:
    return [line.split(" ")[0] for line in (context.folder / "calls").read_text().splitlines()]


OLD = pytest.mark.parametrize("how", ["stdio", "http"])
STDIO = pytest.mark.parametrize("how", ["stdio"])


@OLD
async def test_the_server_is_given_the_answer(context: AskingContext) -> None:
    for answer, result in (
        ({"count": "3"}, {"action": "accept", "content": {"count": 3}}),
        ({"count": 3, "note": "x"}, {"action": "accept", "content": {"count": 3, "note": "x"}}),
        ("decline", {"action": "decline"}),
        ("cancel", {"action": "cancel"}),
    ):
        assert await call(context, "order", answer, item="tea") == {"item": "tea", **result}
    assert {question.message for question in context.questions} == {"The MCP server 'asking' asks: “How many?”"}
    assert context.questions[0].show == {"tool": "asking::order", "arguments": {"item": "tea"}}


@EVERYWHERE
async def test_two_questions_of_one_call_are_two(context: AskingContext, how: str) -> None:
    if "modern" in how:
        assert await call(context, "resolved", {"count": 1}, {"count": 2}, item="tea") == {
            "item": "tea",
            "count": 1,
            "house": 2,
        }
    else:
        result = await call(context, "twice", {"count": 1}, "decline")
        assert result == {"first": {"action": "accept", "content": {"count": 1}}, "second": {"action": "decline"}}
    first, second = context.questions
    assert first != second


@EVERYWHERE
async def test_what_is_needed_before_a_call_is_asked_for_and_the_call_is_made_then(context: AskingContext) -> None:
    async def opens(question: Question) -> bool:
        (context.folder / "opened").touch()
        return True

    context.person = opens
    assert await call(context, "locked") == {"result": "unlocked"}
    (question,) = context.questions
    assert "wants you to open a page, and says: “Please log in.”" in question.message
    assert isinstance(question.show, dict)
    assert (question.show["url"], question.show["host"]) == ("https://example.com/log-in", "example.com")
    assert calls(context) == ["locked", "locked"]


@OLD
async def test_a_page_that_is_not_opened_ends_the_call(context: AskingContext) -> None:
    with pytest.raises(TaskError, match="needs a page to be opened first, and the answer was: decline"):
        await call(context, "locked", "no")
    with pytest.raises(TaskError, match="still wants pages to be opened after 10 calls"):
        await call(context, "locked", *["yes"] * 10)
    assert len({json.dumps(question.show) for question in context.questions[1:]}) == 10


@OLD
async def test_a_page_is_shown_and_never_opened(context: AskingContext) -> None:
    for answer, action in (("yes", "accept"), ("no", "decline"), ("cancel", "cancel")):
        assert await call(context, "page", answer, url="https://example.com/a?b=c") == {"result": action}
    assert all(question.form is None for question in context.questions)
    assert "https://example.com/a?b=c" in json.dumps(context.questions[0].show)


@OLD
async def test_what_cannot_be_asked_is_refused_and_told_to_both(context: AskingContext) -> None:
    for message, properties, told in (
        ("?", {"a": {"type": "object"}}, "the type 'object'"),
        ("?", {"a": {"type": "colour"}}, "the type 'colour'"),
        ("x" * 1_000_000, {}, "at most 65,536 can be shown"),
    ):
        asked = {"message": message, "schema": {"type": "object", "properties": properties}}
        (context.folder / "question.json").write_text(json.dumps(asked))
        with pytest.raises(TaskError, match=f"this cannot be asked: .*{told}"):
            await call(context, "order", item="tea")
        notice = context.notices[-1].message
        assert "the MCP server 'asking' asks something in a call of `order`, and is refused: " in notice
        assert told in notice
    assert not context.questions


@OLD
async def test_of_a_field_that_is_there_twice_the_last_one_counts(context: AskingContext) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "integer"}, "a": {"type": "boolean"}}}'
    (context.folder / "question.json").write_text(f'{{"message": "?", "schema": {schema}}}')
    result = await call(context, "order", {"a": "true"}, item="tea")
    assert result["content"] == {"a": True}


@EVERYWHERE
async def test_roots_and_sampling_are_not_offered(context: AskingContext) -> None:
    for tool in ("roots", "sample", "resolved_roots"):
        with pytest.raises(TaskError, match=r"not supported|did not declare|no back-channel"):
            await call(context, tool)


@STDIO
async def test_a_server_may_recognise_a_call_by_its_key(context: AskingContext) -> None:
    context.key = "run/task#1"
    await call(context, "order", "decline", item="tea")
    assert (context.folder / "calls").read_text().split()[-1] == "run/task#1"


@STDIO
async def test_a_question_waits_until_it_can_only_be_for_one_call(context: AskingContext) -> None:
    async def answer(question: Question) -> Any:
        assert (context.folder / "go").exists()  # the other call has ended
        return {"count": 2}

    context.person = answer
    async with asyncio.TaskGroup() as group:
        calm = group.create_task(call(context, "calm"))
        while not (context.folder / "calls").exists():
            await asyncio.sleep(0.01)
        order = group.create_task(call(context, "order", item="tea"))
        while calls(context) != ["calm", "order"]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # time enough to ask too early
        assert not context.questions
        (context.folder / "go").touch()
    assert (calm.result(), order.result()["content"]) == ({"result": "calm"}, {"count": 2})
    assert calls(context) == ["calm", "order"]


async def keyed(context: AskingContext, item: str) -> Any:
    """Call with a key of its own, as each call of a run has one."""
    own = copy.copy(context)
    own.key = f"run/{item}#1"
    async with asyncio.timeout(120):
        return await McpStep().run({"reference": "asking::order", "args": {"item": item}}, own)


@OLD
async def test_calls_that_ask_at_once_are_told_apart(context: AskingContext) -> None:
    items = {"tea": 1, "coffee": 2, "milk": 3}

    async def answer(question: Question) -> Any:
        assert isinstance(question.show, dict)
        return {"count": items[question.show["arguments"]["item"]]}

    context.person = answer
    async with asyncio.TaskGroup() as group:
        running = {item: group.create_task(keyed(context, item)) for item in items}
    assert {item: each.result()["content"]["count"] for item, each in running.items()} == items
    assert len(context.questions) == 3
