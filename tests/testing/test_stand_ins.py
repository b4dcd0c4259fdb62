"""The stand-ins that are shipped for tests of plugins do what they stand in for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nika_core.document import TaskPayloads
from nika_core.model.limits import Limits
from nika_core.model.workflow import Task, Workflow
from nika_core.plugin import Payload
from nika_core.template import compile_template
from nika_core.testing import FakePayload, FakeReport, FakeStepContext, RawServer

FIELDS: dict[str, Any] = {"a": "plain", "b": compile_template("x {{y}}"), "c": {"d": [1, compile_template("{{z}}")]}}


def test_a_fake_payload_has_all_that_a_real_one_has_and_gives_the_same_texts() -> None:
    workflow = Workflow("w", Path("/nowhere/w.nika.yaml"), (Task("task", "word", FIELDS, 0),), ())
    real, fake = TaskPayloads(workflow, Limits()).of(workflow.tasks[0]), FakePayload(FIELDS, Path("/nowhere"))
    names = [name for name in vars(Payload) if not name.startswith("_")]
    assert "fields" in names
    assert all(hasattr(fake, name) and hasattr(real, name) for name in names)
    for name in (*FIELDS, "none"):
        assert fake.text(name) == real.text(name)
    assert fake.at("c", "d", 1).path == "c/d/1"
    assert fake.at("a", 4).column == 5


def test_a_report_keeps_what_it_is_told() -> None:
    problems = FakeReport()
    problems("it is wrong", FakePayload().at("a"), hint="mend it")
    (one,) = problems
    assert (one.code, one.message, one.hint, one.place) == ("NIKA-014", "it is wrong", "mend it", FakePayload().at("a"))


async def test_a_context_that_is_closed_closes_what_was_opened_and_opens_it_anew() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def thing() -> AsyncIterator[int]:
        events.append("opened")
        yield len(events)
        events.append("closed")

    async with FakeStepContext() as context:
        assert await context.resource("thing", thing) == await context.resource("thing", thing) == 1
        await context.aclose()
        assert events == ["opened", "closed"]
        assert await context.resource("thing", thing) == 3
    assert events == ["opened", "closed"] * 2


REQUEST = b'POST /p HTTP/1.1\r\ncontent-length: 8\r\nx-a: 1\r\n\r\n{"n": 1}'


@pytest.mark.parametrize(
    ("write", "sent", "goes_on"),
    [
        (lambda server: server.status(429, {}, retry_after="7"), b"retry-after: 7\r\n\r\n{}", True),
        (lambda server: server.stream("ab", "c"), b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", True),
        (lambda server: server.stream("ab", then="close"), b"2\r\nab\r\n", False),
        (lambda server: server.raw(b"no HTTP", "close"), b"no HTTP", False),
    ],
)
async def test_a_raw_server_sends_what_it_is_told_and_keeps_what_it_is_asked(
    write: Callable[[RawServer], None], sent: bytes, goes_on: bool
) -> None:
    async with RawServer() as server, asyncio.timeout(60):
        write(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        for _ in range(2 if goes_on else 1):
            writer.write(REQUEST)
            assert await reader.readuntil(sent)
        if not goes_on:
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert [(each.method, each.path, each.headers["x-a"], each.body) for each in server.requests] == [
            ("POST", "/p", "1", {"n": 1})
        ] * (2 if goes_on else 1)


async def test_a_raw_server_that_hangs_says_nothing_more_and_ends_all_the_same() -> None:
    async with RawServer() as server, asyncio.timeout(60):
        server.raw(b"half", "hang")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        writer.write(REQUEST)
        assert await reader.readexactly(4) == b"half"
        assert not reader.at_eof()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
