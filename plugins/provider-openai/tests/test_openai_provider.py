"""The provider against servers that speak OpenAI's wire format, and every fault they have."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nika_provider_openai.client import Client
from nika_provider_openai.plugin import nika_providers
from nika_provider_openai.wire import batch_mark, body_of

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import DocumentPart, ImagePart, Message, Role, TextPart, ToolCall, ToolResultPart, ToolSpec
from nika_core.plugin import BatchSearch, BatchTrace, Finished, ModelRequest, TextDelta

KEY = "sk-llmock-secret-0123456789"
WEATHER = ToolSpec(
    "get_weather", "Weather", {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
)


def ask(text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "gpt-4o", "max_tokens": 100, **more})


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
    made = Client({"OPENAI_BASE_URL": llmock.base_url("openai"), "OPENAI_API_KEY": KEY})
    yield made
    await made.close()


@pytest.fixture
async def raw(raw_server: Any) -> AsyncIterator[Client]:
    made = Client({"OPENAI_BASE_URL": f"{raw_server.url}/v1"})
    yield made
    await made.close()


def delta(content: str | None = None, *, stop: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": stop}],
    }


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
    call = end.tool_calls[0]
    after = ModelRequest(
        (
            Message(Role.USER, "weather?"),
            Message(Role.ASSISTANT, end.parts),
            Message(Role.TOOL, [ToolResultPart(call.id, "21 C")]),
        ),
        model="gpt-4o",
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


async def test_a_schema_is_asked_for_natively(llmock: Any, client: Client) -> None:
    schema = {
        "type": "object",
        "required": ["score"],
        "properties": {"score": {"type": "integer"}},
        "additionalProperties": False,
    }
    text, _ = await answer(client, ask("rate", output_schema=schema))
    assert isinstance(json.loads(text)["score"], int)


async def test_429_is_a_rate_limit_with_the_wait_that_was_asked_for(llmock: Any, client: Client) -> None:
    llmock.rate_limit(retry_after=7)
    error = await failure(client)
    assert (error.category, error.retry_after) == (Category.RATE_LIMIT, 7.0)
    assert len(llmock.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_server_that_fails_is_a_providers_failure_and_the_sdk_tries_nothing_again(
    llmock: Any, client: Client, status: int
) -> None:
    llmock.fail(status)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.PROVIDER, True)
    assert len(llmock.requests) == 1


async def test_a_wrong_key_is_a_configuration_error_that_does_not_show_it(llmock: Any, client: Client) -> None:
    llmock.fail(401, message=f"Incorrect API key provided: {KEY}")
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.CONFIG, False)
    assert "OPENAI_API_KEY" in error.message


async def test_an_unknown_model_is_a_configuration_error(llmock: Any, client: Client) -> None:
    llmock.fail(404)
    assert (await failure(client)).category is Category.CONFIG


async def test_a_refused_form_is_a_validation_error(llmock: Any, client: Client) -> None:
    llmock.fail(400, message=f"bad \x1b[31mfield {KEY}")
    error = await failure(client)
    assert (error.category, error.code) == (Category.VALIDATION, codes.PROVIDER_FAILED)
    assert "\x1b" not in error.message


async def test_a_prompt_that_is_too_long_has_its_own_code(llmock: Any, client: Client) -> None:
    llmock.context_overflow()
    error = await failure(client)
    assert (error.category, error.code) == (Category.VALIDATION, codes.CONTEXT_TOO_LONG)


async def test_a_disconnect_is_a_network_failure_not_tried_again_once_text_was_shown(
    llmock: Any, client: Client
) -> None:
    llmock.reply("one two three four five six seven").disconnect(after_chunks=3)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.NETWORK, False)


async def test_a_disconnect_before_the_first_text_is_tried_again(llmock: Any, client: Client) -> None:
    llmock.reply("one two three four").disconnect(after_chunks=0)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.NETWORK, True)


async def test_a_truncated_stream_is_a_failure(llmock: Any, client: Client) -> None:
    llmock.reply("one two three four five six seven").truncate(after_chunks=3)
    error = await failure(client)
    assert error.category is Category.NETWORK
    assert "ended before" in error.message


async def test_a_chunk_that_is_no_json_is_the_providers_failure(llmock: Any, client: Client) -> None:
    llmock.reply("one two three four five six seven").corrupt(after_chunks=2)
    assert (await failure(client)).category is Category.PROVIDER


async def test_a_stalled_stream_times_out(llmock: Any, client: Client) -> None:
    client.read_timeout = 0.2
    llmock.reply("one two three four five six seven").stall(after_chunks=2, seconds=5)
    assert (await failure(client)).category is Category.TIMEOUT


async def test_a_server_that_is_not_there_is_told_with_its_address(unused_tcp_port: int) -> None:
    client = Client({"OPENAI_BASE_URL": f"http://user:pass@127.0.0.1:{unused_tcp_port}/v1"})
    error = await failure(client)
    assert error.category is Category.NETWORK
    assert f"127.0.0.1:{unused_tcp_port}" in error.message
    assert "pass" not in error.message
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
    llmock.truncate(after_chunks=1)
    assert await follow(ask("truncated"))
    llmock.fail(500)
    assert await follow(ask("failed"))
    llmock.fail(401)
    assert await follow(ask("wrong key")) == "config"
    llmock.fail(400)
    assert await follow(ask("wrong form")) == "validation"
    llmock.assert_resilient()


async def test_health_lists_the_models_or_says_why_not(llmock: Any, client: Client) -> None:
    health = await client.health()
    assert health.ok
    assert health.models
    llmock.fail(401)
    health = await client.health()
    assert not health.ok
    assert KEY not in health.detail


async def test_openais_own_server_needs_a_key() -> None:
    error = await failure(Client({}))
    assert error.code == codes.MISSING_SECRET
    assert "OPENAI_API_KEY" in error.message
    assert not (await Client({}).health()).ok


async def test_another_server_needs_none(raw_server: Any, raw: Client) -> None:
    raw_server.events(delta("hi"), delta(stop="stop"))
    assert (await answer(raw))[0] == "hi"


async def test_a_refusal_is_the_end_of_its_own_kind(raw_server: Any, raw: Client) -> None:
    raw_server.events(delta(refusal="I cannot help with that"), delta(stop="stop"))
    text, end = await answer(raw)
    assert (text, end.stop_reason) == ("I cannot help with that", "refusal")
    raw_server.answers.clear()
    raw_server.events(delta("some", stop="content_filter"))
    assert (await answer(raw))[1].stop_reason == "refusal"


async def test_an_answer_cut_at_max_tokens_says_so(raw_server: Any, raw: Client) -> None:
    raw_server.events(delta("half"), delta(stop="length"))
    assert (await answer(raw))[1].stop_reason == "maxTokens"


async def test_an_empty_answer_is_an_end_without_text(raw_server: Any, raw: Client) -> None:
    raw_server.events(delta(stop="stop"))
    text, end = await answer(raw)
    assert (text, end.stop_reason, end.usage.total_tokens) == ("", "end", 0)


async def test_a_page_that_is_no_model_server_is_told(raw_server: Any, raw: Client) -> None:
    raw_server.status(200, "<html>hello</html>")
    assert (await failure(raw)).category in (Category.PROVIDER, Category.NETWORK)


async def test_an_error_inside_a_stream_is_the_providers_and_what_it_told_is_counted(
    raw_server: Any, raw: Client
) -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
    raw_server.events(delta("a"), usage, {"error": {"message": "the model crashed", "code": 500}})
    error = await failure(raw)
    assert error.category is Category.PROVIDER
    assert "the model crashed" in error.message
    assert error.usage.total_tokens == 9


async def test_usage_is_counted_for_a_truncated_stream_that_told_it(raw_server: Any, raw: Client) -> None:
    raw_server.events({**delta("a"), "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}})
    assert (await failure(raw)).usage.total_tokens == 8


async def test_a_server_that_knows_no_stream_options_is_asked_without(raw_server: Any, raw: Client) -> None:
    raw_server.status(400, {"error": {"message": "unknown field: stream_options"}})
    raw_server.events(delta("hi", stop="stop"))
    assert (await answer(raw))[0] == "hi"
    assert (await answer(raw))[0] == "hi"
    assert ["stream_options" in body for body in raw_server.bodies] == [True, False, False]


async def test_a_server_that_knows_no_schema_is_asked_in_words(raw_server: Any, raw: Client) -> None:
    raw_server.status(400, {"error": {"message": "response_format is not supported"}})
    raw_server.events(delta("{}", stop="stop"))
    assert raw.info("gpt-4o").json_schema
    assert (await answer(raw, ask(output_schema={"type": "object"}, system="Be brief.")))[0] == "{}"
    assert not raw.info("gpt-4o").json_schema
    assert "response_format" not in raw_server.bodies[1]
    assert raw_server.bodies[1]["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON value")


async def test_a_spent_quota_is_not_tried_again(raw_server: Any, raw: Client) -> None:
    raw_server.status(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}})
    error = await failure(raw)
    assert (error.category, error.retriable) == (Category.CONFIG, False)


async def test_whole_calls_without_an_index_are_understood(raw_server: Any, raw: Client) -> None:
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in range(2)]
    raw_server.events(delta(tool_calls=calls), delta(stop="stop"))
    _, end = await answer(raw)
    assert (end.stop_reason, [call.id for call in end.tool_calls]) == ("toolUse", ["c0", "c1"])


async def test_closing_the_stream_closes_the_connection(llmock: Any, client: Client) -> None:
    llmock.reply("word " * 200).pace(20)
    stream: Any = client.stream(ask())
    async for _ in stream:
        break
    await stream.aclose()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the server leaves its upload open
async def test_a_batch_is_sent_and_collected(llmock: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmock.routers.batch._BATCH_DELAY", 0.0)
    batch = await client.submit_batch({"a": ask("one"), "b#1": ask("two")})
    for _ in range(20):
        result: Any = await client.poll_batch(batch)
        if result.done:
            break
    assert set(result.replies) == {"a", "b#1"}
    assert result.replies["a"].finished.stop_reason == "end"
    assert result.replies["a"].text
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the server leaves its upload open
async def test_a_batch_is_found_by_the_names_of_its_requests(llmock: Any, client: Client) -> None:
    now = time.time()
    batch = await client.submit_batch({"a": ask("one"), "b": ask("two")})
    await client.submit_batch({"c": ask("three")})
    assert await client.find_batch(("b", "a"), now) == BatchSearch(BatchTrace.TAKEN, batch)
    assert await client.find_batch(("a",), now) == BatchSearch(BatchTrace.ABSENT)
    gc.collect()


async def test_batches_are_looked_through_page_by_page_back_to_the_time_that_matters(
    raw_server: Any, raw: Client
) -> None:
    def page(created: float, **more: Any) -> None:
        batch = {"id": f"b{len(raw_server.answers)}", "created_at": int(created), **more}
        raw_server.status(200, {"data": [batch], "has_more": True})

    page(10_000)
    page(9_000, metadata={"nika_batch": batch_mark(["a"])})
    assert await raw.find_batch(("a",), 10_000) == BatchSearch(BatchTrace.TAKEN, "b1")
    raw_server.answers.clear()
    page(10_000)
    page(10_000 - 3_601)
    page(5_000, metadata={"nika_batch": batch_mark(["a"])})
    assert await raw.find_batch(("a",), 10_000) == BatchSearch(BatchTrace.ABSENT)
    assert len(raw_server.bodies) == 4


async def test_a_server_that_lists_no_batches_cannot_say_and_any_other_failure_is_one(
    raw_server: Any, raw: Client
) -> None:
    for status in (404, 405, 501):
        raw_server.answers = []
        raw_server.status(status, {"error": {"message": "no"}})
        assert await raw.find_batch(("a",), 0) == BatchSearch(BatchTrace.UNKNOWN)
    for status in (401, 429, 500):
        raw_server.answers = []
        raw_server.status(status, {"error": {"message": "no"}})
        with pytest.raises(TaskError):
            await raw.find_batch(("a",), 0)


async def test_a_batch_that_is_not_done_says_so(raw_server: Any, raw: Client) -> None:
    raw_server.status(200, {"id": "b", "status": "in_progress"})
    assert not (await raw.poll_batch("b")).done


async def test_a_batch_that_was_refused_is_told(raw_server: Any, raw: Client) -> None:
    raw_server.status(200, {"id": "b", "status": "failed", "errors": {"data": [{"message": "line 1 is bad"}]}})
    with pytest.raises(TaskError, match="line 1 is bad") as caught:
        await raw.poll_batch("b")
    assert (caught.value.category, caught.value.retriable) == (Category.PROVIDER, False)


def test_openai_is_told_max_completion_tokens_and_others_max_tokens() -> None:
    assert body_of(ask(), official=True)["max_completion_tokens"] == 100
    assert body_of(ask(), official=False)["max_tokens"] == 100


def test_strict_is_asked_for_only_where_the_schema_has_its_form() -> None:
    closed = {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}
    for schema, strict in ((closed, True), ({"type": "object", "properties": {"a": {}}}, False)):
        assert body_of(ask(output_schema=schema), official=True)["response_format"]["json_schema"]["strict"] is strict
    assert body_of(ask(output_schema={}), official=True)["response_format"] == {"type": "json_object"}


def test_a_tools_failure_and_broken_arguments_are_sent_in_a_form_that_servers_take() -> None:
    request = ModelRequest(
        (
            Message(Role.ASSISTANT, (ToolCall("1", "f", None, "{broken"),)),
            Message(Role.TOOL, [ToolResultPart("1", "no city", True)]),
        )
    )
    assistant, tool = body_of(request, official=True)["messages"]
    assert assistant["tool_calls"][0]["function"]["arguments"] == "{}"
    assert tool == {"role": "tool", "tool_call_id": "1", "content": "Error: no city"}


def test_what_models_can_is_known_by_their_names_on_openais_own_server() -> None:
    official = Client({"OPENAI_API_KEY": KEY})
    assert not official.info("o3").temperature
    assert official.info("gpt-4o").temperature
    assert official.info("gpt-4o").context_tokens == 128_000
    assert official.info("gpt-4o").batch
    assert official.models()
    other = Client({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert (other.info("o3").temperature, other.info("o3").context_tokens, other.info("o3").batch) == (
        True,
        None,
        False,
    )


def test_declaring_it_imports_nothing_heavy() -> None:
    code = "import nika_provider_openai.plugin, nika_provider_openai.client, sys; print('openai' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).strip() == "False"
    assert nika_providers()


def test_files_are_parts_of_the_content() -> None:
    parts = [
        TextPart("what is this?"),
        ImagePart("image/png", b"PNG"),
        DocumentPart("application/pdf", b"PDF", "a.pdf", 1),
        DocumentPart("text/plain", b"words", "a.txt"),
    ]
    body = body_of(ModelRequest((Message(Role.USER, parts),)), official=True)
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,UERG"}},
        {"type": "text", "text": "a.txt:\nwords"},
    ]


def test_an_effort_is_asked_for_where_it_is_known_and_left_out_where_it_was_refused() -> None:
    assert body_of(ask(effort="low"), official=True)["reasoning_effort"] == "low"
    assert "reasoning_effort" not in body_of(ask(effort="low"), official=False, left_out={"reasoning_effort"})
    assert "reasoning_effort" not in body_of(ask(), official=True)
    official, other = Client({"OPENAI_API_KEY": KEY}), Client({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert (official.info("gpt-5").efforts, official.info("gpt-4o").efforts) == (("low", "medium", "high"), ())
    assert other.info("qwen3").efforts


@pytest.mark.parametrize("address", ["http://[::zz]:9/v1", "http://[::1/v1"])
async def test_an_address_that_is_none_fails_the_first_call_and_not_the_plugin(address: str) -> None:
    client = Client({"OPENAI_BASE_URL": address})
    with pytest.raises(TaskError, match="not the address of a server") as caught:
        async for _ in client.stream(ModelRequest((Message(Role.USER, "hi"),), model="m", max_tokens=5)):
            pass
    assert caught.value.category is Category.CONFIG
    await client.close()
