"""Servers with Anthropic's format as they really are: no odd answer is taken for a good one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from nika_provider_claude.client import Client

from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role, ToolResultPart, ToolSpec
from nika_core.plugin import ClientNotice, Finished, ModelRequest, TextDelta
from nika_core.plugin.provider import Chunk

KEY = "sk-ant-odd-0123456789"
TOOL = ToolSpec("weather", "Weather")


def ask(text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "claude-sonnet-5", "max_tokens": 100, **more})


def start(**usage: int) -> dict[str, Any]:
    message = {"model": "claude-sonnet-5", "content": [], "usage": {"input_tokens": 10, "output_tokens": 1, **usage}}
    return {"type": "message_start", "message": message}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    pieces = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [{"type": "content_block_start", "index": index, "content_block": content}, *pieces]


def text(value: str, index: int = 0) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": value})


def end(reason: str | None = "end_turn") -> list[dict[str, Any]]:
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}
    return [delta, {"type": "message_stop"}]


async def answer(client: Client, request: ModelRequest | None = None) -> tuple[str, Finished]:
    found: list[Chunk] = [chunk async for chunk in client.stream(request or ask())]
    assert isinstance(found[-1], Finished)
    return "".join(chunk.text for chunk in found if isinstance(chunk, TextDelta)), found[-1]


async def failure(client: Client) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await answer(client)
    assert KEY not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


@pytest.fixture
async def raw(raw_server: Any) -> AsyncIterator[Client]:
    made = Client({"ANTHROPIC_BASE_URL": raw_server.url, "ANTHROPIC_API_KEY": KEY})
    yield made
    await made.close()


@pytest.mark.parametrize("word", ["pause_turn", "error", "something_new"])
async def test_an_unknown_word_for_the_end_reaches_the_kernel_as_it_is(raw_server: Any, raw: Client, word: str) -> None:
    raw_server.events(start(), *text("half"), *end(word))
    assert (await answer(raw))[1].stop_reason == word


@pytest.mark.parametrize("events", [[], end(None)])
async def test_an_end_without_a_reason_is_a_failure(raw_server: Any, raw: Client, events: list[Any]) -> None:
    raw_server.events(start(), *text("half"), *events)
    assert "without a reason" in (await failure(raw)).message


@pytest.mark.parametrize("word", ["max_tokens", "refusal", "model_context_window_exceeded", "pause_turn"])
async def test_a_call_of_a_reply_that_is_not_whole_is_not_made(raw_server: Any, raw: Client, word: str) -> None:
    call = block(0, {"type": "tool_use", "id": "a", "name": "weather", "input": {}})
    raw_server.events(start(), *call, *end(word))
    assert (await answer(raw, ask(tools=(TOOL,))))[1].tool_calls == ()


async def test_calls_are_put_together_whatever_their_indices(raw_server: Any, raw: Client) -> None:
    def call(name: str, *parts: Any) -> list[dict[str, Any]]:
        deltas = ({"type": "input_json_delta", "partial_json": part} for part in parts)
        return block(0, {"type": "tool_use", "id": name, "name": "weather", "input": {}}, *deltas)

    raw_server.events(start(), *call("a", '{"city": ', '"Oslo"}'), *call("b", '{"city": "Rome"}'), *end("tool_use"))
    _, finished = await answer(raw, ask(tools=(TOOL,)))
    assert [(call.id, call.arguments) for call in finished.tool_calls] == [
        ("a", {"city": "Oslo"}),
        ("b", {"city": "Rome"}),
    ]


async def test_what_the_model_thought_goes_back_as_it_came_before_its_call(raw_server: Any, raw: Client) -> None:
    thought = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "a a"},
        {"type": "thinking_delta", "thinking": " a"},
        {"type": "signature_delta", "signature": "SIG"},
    )
    hidden = block(1, {"type": "redacted_thinking", "data": "DATA"})
    piece = {"type": "input_json_delta", "partial_json": '{"city": "Oslo"}'}
    call = block(2, {"type": "tool_use", "id": "a", "name": "weather", "input": {}}, piece)
    raw_server.events(start(), *thought, *hidden, *call, *end("tool_use"))
    raw_server.events(start(), *text("done"), *end())
    _, finished = await answer(raw, ask(tools=(TOOL,)))
    turn = (
        Message(Role.ASSISTANT, finished.parts),
        Message(Role.TOOL, [ToolResultPart("a", "sunny")]),
    )
    await answer(raw, ModelRequest((*ask().messages, *turn), model="claude-sonnet-5", tools=(TOOL,)))
    assert raw_server.bodies[1]["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "a a a", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "DATA"},
        {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Oslo"}},
    ]


async def test_a_whole_message_in_place_of_a_stream_is_an_answer(raw_server: Any, raw: Client) -> None:
    content = [{"type": "text", "text": "hello"}]
    usage = {"input_tokens": 10, "output_tokens": 7}
    raw_server.status(200, {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage})
    said, finished = await answer(raw)
    assert (said, finished.stop_reason, finished.usage.total_tokens) == ("hello", "end", 17)


@pytest.mark.parametrize(
    ("body", "category"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}, Category.PROVIDER),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "too busy"}}, Category.RATE_LIMIT),
        ({"message": "too busy"}, Category.PROVIDER),
        ("<html><title>too busy</title></html>", Category.PROVIDER),
    ],
)
async def test_what_is_no_answer_is_told(raw_server: Any, raw: Client, body: Any, category: Category) -> None:
    raw_server.status(200, body)
    error = await failure(raw)
    assert "too busy" in error.message
    assert error.category is category


async def test_tokens_that_are_written_to_the_cache_are_counted_apart(raw_server: Any, raw: Client) -> None:
    cache = {"cache_read_input_tokens": 1000, "cache_creation_input_tokens": 500}
    raw_server.events(start(**cache), *text("hello"), *end())
    usage = (await answer(raw))[1].usage
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens) == (1510, 1000, 500)


async def test_a_schema_that_is_refused_is_asked_for_in_words(raw_server: Any, raw: Client) -> None:
    raw_server.status(400, {"detail": "output_config: Extra inputs are not permitted"})
    raw_server.events(start(), *text("{}"), *end())
    found = [chunk async for chunk in raw.stream(ask(output_schema={"type": "object", "properties": {}}))]
    assert isinstance(found[0], ClientNotice)
    assert ["output_config" in body for body in raw_server.bodies] == [True, False]
    assert "JSON Schema" in raw_server.bodies[1]["system"]


async def test_one_line_of_a_batch_that_cannot_be_read_leaves_the_others(raw_server: Any, raw: Client) -> None:
    message = '{"content": [{"type": "text", "text": "a\u2028b\u0085"}], "stop_reason": "end_turn"}'
    line = '{"custom_id": "a", "result": {"type": "succeeded", "message": %s}}' % message  # noqa: UP031  # braces
    batch = {"id": "x", "type": "message_batch", "processing_status": "ended", "results_url": raw_server.url}
    raw_server.status(200, batch)
    raw_server.status(200, f'{line}\n{{"custom_id": "b", "resu\nnull\n')
    replies = (await raw.poll_batch("x")).replies
    assert replies["a"].text == "a\u2028b\u0085"
    assert replies["b"].error


@pytest.mark.parametrize("entry", ["[::1]", "fd00::/8", "::1", "10.0.0.0/8"])
async def test_any_entry_of_no_proxy_can_be_read(raw_server: Any, entry: str) -> None:
    environ = {"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": f"{entry},127.0.0.1"}
    client = Client({"ANTHROPIC_BASE_URL": raw_server.url, "ANTHROPIC_API_KEY": KEY, **environ})
    raw_server.events(start(), *text("hello"), *end())
    assert (await answer(client))[0] == "hello"
    await client.close()
