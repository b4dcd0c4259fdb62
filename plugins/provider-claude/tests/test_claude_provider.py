"""The provider against servers that speak Anthropic's wire format, and every fault they have."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from nika_provider_claude.client import Client
from nika_provider_claude.plugin import nika_providers
from nika_provider_claude.wire import batch_names, body_of, names_of

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import (
    DocumentPart,
    ImagePart,
    Message,
    ReasoningPart,
    Role,
    TextPart,
    ToolCall,
    ToolResultPart,
    ToolSpec,
)
from nika_core.plugin import BatchSearch, BatchTrace, ClientNotice, Finished, ModelRequest, TextDelta, estimate_tokens

KEY = "sk-ant-secret-0123456789"
WEATHER = ToolSpec(
    "get_weather", "Weather", {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
)


def ask(text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "claude-sonnet-5", "max_tokens": 100, **more})


async def answer(client: Client, request: ModelRequest | None = None) -> tuple[str, Finished]:
    text = ""
    async for chunk in client.stream(request or ask()):
        if isinstance(chunk, TextDelta):
            text += chunk.text
        elif isinstance(chunk, Finished):
            return text, chunk
    raise AssertionError("no end")


async def failure(client: Client, request: ModelRequest | None = None) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await answer(client, request)
    assert KEY not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


@pytest.fixture
async def client(llmock: Any) -> AsyncIterator[Client]:
    made = Client({"ANTHROPIC_BASE_URL": llmock.base_url("anthropic"), "ANTHROPIC_API_KEY": KEY})
    yield made
    await made.close()


@pytest.fixture
async def raw(raw_server: Any) -> AsyncIterator[Client]:
    made = Client({"ANTHROPIC_BASE_URL": raw_server.url})
    yield made
    await made.close()


@pytest.fixture(scope="module")
def mock_ai_api() -> Iterator[str]:
    """mock-ai-api's Anthropic server on a free port."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            import_module("app.anthropic_app").create_app(), host="127.0.0.1", port=0, log_level="error", lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 120
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
async def counting(mock_ai_api: str) -> AsyncIterator[Client]:
    made = Client({"ANTHROPIC_BASE_URL": mock_ai_api, "ANTHROPIC_API_KEY": KEY})
    yield made
    await made.close()


def events(*texts: str, stop: str | None = "end_turn") -> list[dict[str, Any]]:
    usage = {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 3}
    start = {"id": "m", "type": "message", "role": "assistant", "model": "claude-x", "content": [], "usage": usage}
    found: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    found.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    found += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts
    ]
    found.append({"type": "content_block_stop", "index": 0})
    if stop:
        found.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 4}})
        found.append({"type": "message_stop"})
    return found


async def test_an_answer_comes_in_pieces_with_its_usage(llmock: Any, client: Client) -> None:
    llmock.reply("The capital of France is Paris, on the river Seine.")
    chunks: list[Any] = [chunk async for chunk in client.stream(ask("capital of France?"))]
    assert len(chunks) > 2
    assert "".join(chunk.text for chunk in chunks[:-1]) == "The capital of France is Paris, on the river Seine."
    assert chunks[-1].stop_reason == "end"
    assert chunks[-1].usage.input_tokens > 0
    assert chunks[-1].usage.output_tokens > 0
    llmock.assert_resilient(strict=True)


async def test_a_tool_call_and_its_result_go_both_ways(llmock: Any, client: Client) -> None:
    llmock.call_tool("get_weather", {"city": "Paris"})
    _, end = await answer(client, ask("weather?", tools=(WEATHER,)))
    assert end.stop_reason == "toolUse"
    assert [(call.name, call.arguments) for call in end.tool_calls] == [("get_weather", {"city": "Paris"})]
    after = ModelRequest(
        (
            Message(Role.USER, "weather?"),
            Message(Role.ASSISTANT, end.parts),
            Message(Role.TOOL, [ToolResultPart(end.tool_calls[0].id, "21 C")]),
        ),
        model="claude-sonnet-5",
        tools=(WEATHER,),
    )
    text, end = await answer(client, after)
    assert text
    assert end.stop_reason == "end"


async def test_arguments_that_are_no_json_are_given_on_as_they_are(llmock: Any, client: Client) -> None:
    llmock.break_tool_call("malformed_arguments")
    _, end = await answer(client, ask("weather?", tools=(WEATHER,)))
    assert end.tool_calls[0].arguments is None
    assert end.tool_calls[0].raw


async def test_429_is_a_rate_limit_with_the_wait_that_was_asked_for(llmock: Any, client: Client) -> None:
    llmock.rate_limit(retry_after=7)
    error = await failure(client)
    assert (error.category, error.retry_after) == (Category.RATE_LIMIT, 7.0)
    assert len(llmock.requests) == 1


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_server_that_fails_or_is_overloaded_is_a_providers_failure(
    llmock: Any, client: Client, status: int
) -> None:
    llmock.fail(status)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.PROVIDER, True)
    assert len(llmock.requests) == 1


async def test_a_wrong_key_is_a_configuration_error_that_does_not_show_it(llmock: Any, client: Client) -> None:
    llmock.fail(401, message=f"invalid x-api-key {KEY}")
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.CONFIG, False)
    assert "ANTHROPIC_API_KEY" in error.message


async def test_an_unknown_model_is_a_configuration_error(llmock: Any, client: Client) -> None:
    llmock.fail(404)
    assert (await failure(client)).category is Category.CONFIG


async def test_a_prompt_that_is_too_long_has_its_own_code(llmock: Any, client: Client) -> None:
    llmock.context_overflow()
    error = await failure(client)
    assert (error.category, error.code) == (Category.VALIDATION, codes.CONTEXT_TOO_LONG)


async def test_a_disconnect_is_a_network_failure_not_tried_again_once_text_was_shown(
    llmock: Any, client: Client
) -> None:
    llmock.reply("one two three four five six seven").disconnect(after_chunks=5)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.NETWORK, False)


async def test_a_disconnect_before_the_first_text_is_tried_again(llmock: Any, client: Client) -> None:
    llmock.reply("one two three four").disconnect(after_chunks=0)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.NETWORK, True)


async def test_a_truncated_stream_is_a_failure_whose_usage_is_counted(llmock: Any, client: Client) -> None:
    llmock.reply("one two three four five six seven").truncate(after_chunks=4)
    error = await failure(client)
    assert error.category is Category.NETWORK
    assert "ended before" in error.message
    assert error.usage.input_tokens > 0


async def test_a_chunk_that_is_no_json_is_the_providers_failure(llmock: Any, client: Client) -> None:
    llmock.reply("one two three four five six seven").corrupt(after_chunks=4)
    assert (await failure(client)).category is Category.PROVIDER


async def test_a_stalled_stream_times_out(llmock: Any, client: Client) -> None:
    client.read_timeout = 0.2
    llmock.reply("one two three four five six seven").stall(after_chunks=2, seconds=5)
    assert (await failure(client)).category is Category.TIMEOUT


async def test_a_server_that_is_not_there_is_told_with_its_address(unused_tcp_port: int) -> None:
    client = Client({"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{unused_tcp_port}"})
    error = await failure(client)
    assert error.category is Category.NETWORK
    assert f"127.0.0.1:{unused_tcp_port}" in error.message
    await client.close()


async def test_who_follows_the_errors_is_graded_clean(llmock: Any, client: Client) -> None:
    """The client tells enough for a caller to try again when, and only when, that makes sense."""

    async def follow(request: ModelRequest) -> str:
        for _ in range(3):
            try:
                return (await answer(client, request))[0]
            except TaskError as error:
                if not error.retriable:
                    return error.category.value
                await asyncio.sleep(error.retry_after or 0.02)
        raise AssertionError("it never came")

    llmock.rate_limit(retry_after=0.2)
    assert await follow(ask("limited"))
    llmock.truncate(after_chunks=4)
    assert await follow(ask("truncated"))
    llmock.fail(529)
    assert await follow(ask("overloaded"))
    llmock.fail(401)
    assert await follow(ask("wrong key")) == "config"
    llmock.assert_resilient()


async def test_health_lists_the_models_or_says_why_not(llmock: Any, client: Client) -> None:
    assert (await client.health()).ok
    llmock.fail(401)
    health = await client.health()
    assert not health.ok
    assert KEY not in health.detail


async def test_anthropics_own_server_needs_a_key() -> None:
    error = await failure(Client({}))
    assert error.code == codes.MISSING_SECRET
    assert "ANTHROPIC_API_KEY" in error.message
    with pytest.raises(TaskError):
        await Client({}).estimate(ask())


async def test_a_temperature_is_refused_and_not_dropped(client: Client) -> None:
    assert (await failure(client, ask(temperature=0.5))).code == codes.MODEL_CANNOT
    assert not client.info("claude-sonnet-5").temperature


async def test_prompts_are_counted_by_the_providers_own_counter(counting: Client) -> None:
    estimate = await counting.estimate(ask("one two three"))
    assert (estimate.input_tokens, estimate.exact) == (6, True)


async def test_a_server_that_cannot_count_is_not_asked_again(raw_server: Any, raw: Client) -> None:
    raw_server.status(404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}})
    for _ in range(2):
        estimate = await raw.estimate(ask())
        assert (estimate.input_tokens, estimate.exact) == (estimate_tokens(ask()), False)
    assert len(raw_server.bodies) == 1


async def test_a_batch_is_sent_and_collected_under_its_names(counting: Client) -> None:
    batch_store = import_module("app.anthropic.catalog").batch_store
    batch = await counting.submit_batch({"run/a#1": ask("one"), "run/b#1": ask("two")})
    assert not (await counting.poll_batch(batch)).done
    batch_store.results(batch.partition(":")[0])  # that server ends a batch when its results are looked at
    result: Any = await counting.poll_batch(batch)
    assert result.done
    assert set(result.replies) == {"run/a#1", "run/b#1"}
    assert result.replies["run/a#1"].text == "A unified model API gateway."
    assert result.replies["run/a#1"].finished.stop_reason == "end"
    assert result.replies["run/a#1"].finished.usage.output_tokens == 10


async def test_a_batch_is_found_by_the_names_of_its_requests_when_it_has_ended(counting: Client) -> None:
    batch_store, now = import_module("app.anthropic.catalog").batch_store, time.time()
    batch_store._batches.clear()
    assert await counting.find_batch(("a", "b"), now) == BatchSearch(BatchTrace.ABSENT)
    other = await counting.submit_batch({"c": ask("one"), "d": ask("two")})
    batch_store.results(other)  # that server ends a batch when its results are looked at
    assert await counting.find_batch(("a", "b"), now) == BatchSearch(BatchTrace.ABSENT)
    batch = await counting.submit_batch({"a": ask("one"), "b": ask("two")})
    assert await counting.find_batch(("a", "b"), now) == BatchSearch(BatchTrace.UNDECIDED)
    assert await counting.find_batch(("a",), now) == BatchSearch(BatchTrace.ABSENT)  # there is none of one request
    assert await counting.find_batch(("a", "b"), now + 4000) == BatchSearch(BatchTrace.ABSENT)  # none is so new
    batch_store.results(batch)
    assert await counting.find_batch(("b", "a"), now) == BatchSearch(BatchTrace.TAKEN, batch)
    assert await counting.find_batch(("a", "x" * 65), now) == BatchSearch(BatchTrace.UNKNOWN)  # numbered


async def test_batches_are_looked_through_page_by_page_back_to_the_time_that_matters(
    raw_server: Any, raw: Client
) -> None:
    def page(created: str, name: str, requests: int = 3) -> None:
        counts = {"processing": requests, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        batch = {"id": name, "type": "message_batch", "processing_status": "in_progress", "request_counts": counts}
        times = {"created_at": created, "expires_at": created}
        raw_server.status(200, {"data": [batch | times], "has_more": True, "first_id": name, "last_id": name})

    since = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
    page("2026-01-01T12:00:00Z", "new")
    page("2026-01-01T11:01:00Z", "just-before", 1)
    page("2026-01-01T10:59:00Z", "old", 1)
    assert await raw.find_batch(("a",), since) == BatchSearch(BatchTrace.UNDECIDED)
    assert len(raw_server.bodies) == 3


def test_names_that_a_batch_takes_are_left_as_they_are() -> None:
    assert batch_names(["a", "b-1"]) == (["a", "b-1"], "")
    names, packed = batch_names(["a", "x" * 65])
    assert [names_of(packed)[name] for name in names] == ["a", "x" * 65]
    with pytest.raises(TaskError):
        names_of("%%%")


async def test_a_refusal_an_empty_answer_and_a_cut_one_have_ends_of_their_own(raw_server: Any, raw: Client) -> None:
    for stop, means in (("refusal", "refusal"), ("max_tokens", "maxTokens"), ("end_turn", "end")):
        raw_server.answers.clear()
        raw_server.events(*events(stop=stop))
        text, end = await answer(raw)
        assert (text, end.stop_reason) == ("", means)


async def test_cached_tokens_are_part_of_the_input(raw_server: Any, raw: Client) -> None:
    raw_server.events(*events("hi"))
    _, end = await answer(raw)
    assert (end.usage.input_tokens, end.usage.cached_tokens, end.usage.output_tokens) == (8, 3, 4)
    assert end.model == "claude-x"


async def test_an_overload_inside_a_stream_is_the_providers_failure_and_counted(raw_server: Any, raw: Client) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    raw_server.events(*events("half", stop=None), overloaded)
    error = await failure(raw)
    assert (error.category, error.usage.input_tokens) == (Category.PROVIDER, 8)
    assert "529" in error.message


async def test_a_page_that_is_no_model_server_is_told(raw_server: Any, raw: Client) -> None:
    raw_server.status(200, "<html>hello</html>")
    assert (await failure(raw)).category in (Category.PROVIDER, Category.NETWORK)


def transform(schema: dict[str, Any]) -> dict[str, Any]:
    import anthropic

    return anthropic.transform_schema(schema)


def test_a_schema_is_asked_for_natively_and_in_words_where_that_is_not_possible() -> None:
    body = body_of(ask(output_schema={"type": "object", "properties": {"n": {"type": "integer"}}}), transform)
    assert body["output_config"]["format"]["schema"]["additionalProperties"] is False
    assert "system" not in body
    body = body_of(ask(output_schema={"not": {"type": "string"}}, system="Be brief."), transform)
    assert "output_config" not in body
    assert body["system"].startswith("Be brief.\n\nAnswer with one JSON value")


def test_turns_alternate_and_results_of_tools_are_one_turn_of_the_user() -> None:
    request = ModelRequest(
        (
            Message(Role.USER, "a"),
            Message(Role.USER, "b"),
            Message(Role.ASSISTANT, (TextPart(" "), ToolCall("1", "f", None, "{x"), ToolCall("2", "g", {"k": 1}))),
            Message(Role.TOOL, [ToolResultPart("1", "no", True)]),
            Message(Role.TOOL, [ToolResultPart("2", "")]),
            Message(Role.ASSISTANT, ""),
        )
    )
    turns = body_of(request, transform)["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert [block["text"] for block in turns[0]["content"]] == ["a", "b"]
    assert [block["input"] for block in turns[1]["content"]] == [{}, {"k": 1}]
    assert turns[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "1", "content": "no", "is_error": True},
        {"type": "tool_result", "tool_use_id": "2"},
    ]
    json.dumps(turns)


def test_what_models_can_is_known_by_their_names() -> None:
    client = Client({})
    assert client.info("claude-sonnet-5").context_tokens == 1_000_000
    assert client.info("claude-haiku-4-5").context_tokens == 200_000
    assert not client.info("claude-3-haiku").json_schema
    assert client.info("claude-sonnet-5").json_schema
    assert not client.info("somebody-elses").json_schema
    assert client.info("claude-sonnet-5").batch
    assert client.models()


def test_declaring_it_imports_nothing_heavy() -> None:
    code = "import nika_provider_claude.plugin, nika_provider_claude.client, sys; print('anthropic' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).strip() == "False"
    assert nika_providers()


def test_files_and_reasoning_are_blocks_in_their_places() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "S"}
    request = ModelRequest(
        (
            Message(
                Role.USER,
                [
                    ImagePart("image/png", b"PNG"),
                    DocumentPart("application/pdf", b"PDF", "a.pdf", 1),
                    DocumentPart("text/plain", b"words", "a.txt"),
                    TextPart("what is this?"),
                ],
            ),
            Message(
                Role.ASSISTANT,
                [ReasoningPart(thought), TextPart("I see"), ReasoningPart(thought), ToolCall("1", "f", {})],
            ),
        )
    )
    asked, answered = (turn["content"] for turn in body_of(request, transform)["messages"])
    assert asked == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "UE5H"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "UERG"},
            "title": "a.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            "title": "a.txt",
        },
        {"type": "text", "text": "what is this?"},
    ]
    assert [block["type"] for block in answered] == ["thinking", "text", "thinking", "tool_use"]
    assert answered[0] == thought


def test_a_turn_that_an_earlier_version_kept_whole_goes_back_whole() -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}]
    turn = Message(Role.ASSISTANT, [ReasoningPart({"content": blocks}), ToolCall("1", "f", {})])
    assert body_of(ModelRequest((turn,)), transform)["messages"][0]["content"] == blocks


def test_an_effort_is_asked_for_as_the_model_knows_it() -> None:
    body = body_of(ask(effort="high", max_tokens=8000, output_schema={"type": "object"}), transform)
    assert (body["thinking"], body["output_config"]["effort"]) == ({"type": "adaptive"}, "high")
    assert body["output_config"]["format"]["type"] == "json_schema"
    shares = {"low": 2000, "medium": 4000, "high": 6000}
    for effort, tokens in shares.items():
        body = body_of(ask(effort=effort, model="claude-haiku-4-5", max_tokens=8000), transform)
        assert body["thinking"] == {"type": "enabled", "budget_tokens": tokens}
        assert "output_config" not in body
    assert body_of(ask(effort="low", model="claude-opus-4-5", max_tokens=2048), transform)["thinking"] == {
        "type": "enabled",
        "budget_tokens": 1024,
    }
    assert "thinking" not in body_of(ask(max_tokens=8000), transform)


def test_thinking_by_a_budget_is_left_out_where_it_has_no_room_or_its_turn_began_without() -> None:
    small = ask(effort="high", model="claude-haiku-4-5", max_tokens=2047)
    assert "thinking" not in body_of(small, transform)
    call, result = ToolCall("1", "f", {}), Message(Role.TOOL, [ToolResultPart("1", "x")])
    thought = ReasoningPart({"type": "thinking", "thinking": "hm", "signature": "S"})
    for parts, thinks in ([(call,), False], [(thought, call), True]):
        messages = (Message(Role.USER, "hi"), Message(Role.ASSISTANT, parts), result)
        asked = ModelRequest(messages, model="claude-haiku-4-5", effort="high", max_tokens=8000)
        assert ("thinking" in body_of(asked, transform)) is thinks


async def test_the_user_is_told_if_there_is_no_room_to_think(raw_server: Any) -> None:
    raw_server.status(200, {"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"})
    client = Client({"ANTHROPIC_BASE_URL": raw_server.url, "ANTHROPIC_API_KEY": KEY})
    asked = ask(effort="high", model="claude-haiku-4-5", max_tokens=100)
    notices = [chunk.message async for chunk in client.stream(asked) if isinstance(chunk, ClientNotice)]
    await client.close()
    assert [("maxTokens" in notice) for notice in notices] == [True]


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("claude-sonnet-5", True), ("claude-opus-4-6", True), ("claude-haiku-4-5", True), ("claude-3-7-sonnet", True),
        ("claude-opus-4-1", True), ("claude-3-5-haiku", False), ("claude-3-opus", False), ("somebody-elses", False),
    ],
)  # fmt: skip
def test_which_models_know_an_effort(model: str, known: bool) -> None:
    assert bool(Client({}).info(model).efforts) is known


MARK, TOOL = {"type": "ephemeral"}, ToolSpec("f", "Does it.")


def test_a_prompt_is_marked_where_requests_begin_with_the_same() -> None:
    call, result = ToolCall("1", "f", {}), Message(Role.TOOL, [ToolResultPart("1", "x")])
    thought = ReasoningPart({"type": "thinking", "thinking": "hm", "signature": "S"})
    turns = (Message(Role.USER, "hi"), Message(Role.ASSISTANT, [thought, call]), result)
    asked = ModelRequest(turns, model="claude-sonnet-5", system="Be brief.", tools=(TOOL, TOOL), cache_prompt=True)
    body = body_of(asked, transform)
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": MARK}]
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, None]  # the system prompt is behind them
    assert [[block.get("cache_control") for block in turn["content"]] for turn in body["messages"]] == [
        [MARK],
        [None, None],
        [MARK],
    ]
    without = body_of(replace(asked, cache_prompt=False), transform)
    assert "cache_control" not in json.dumps(without)
    assert json.dumps(body_of(replace(asked, cache_prompt=None), transform)) == json.dumps(without)


def test_one_question_is_not_marked_but_its_system_prompt_or_tools_are() -> None:
    one = ask(cache_prompt=True)
    assert "cache_control" not in json.dumps(body_of(one, transform))
    body = body_of(replace(one, system="Be brief."), transform)
    assert (body["system"][0]["cache_control"], json.dumps(body).count("cache_control")) == (MARK, 1)
    body = body_of(replace(one, tools=(TOOL, TOOL)), transform)
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, MARK]


def test_which_models_have_their_prompts_cached() -> None:
    client = Client({})
    known = ("claude-sonnet-5", "claude-haiku-4-5", "claude-3-5-haiku")
    assert [client.info(name).prompt_cache for name in (*known, "somebody-elses")] == [True, True, True, False]
