"""Servers as they really are: whatever they answer, no odd answer is taken for a good one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from nika_provider_openai.client import Client

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role, TextPart, ToolResultPart, ToolSpec
from nika_core.plugin import ClientNotice, Finished, ModelRequest, TextDelta
from nika_core.plugin.provider import Chunk

KEY = "sk-odd-secret-0123456789"
TOOL = ToolSpec("weather", "Weather")


def ask(text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "m", "max_tokens": 100, **more})


def delta(content: Any = None, *, stop: str | None = None, **more: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": {"content": content, **more}, "finish_reason": stop}]}


async def chunks(client: Client, request: ModelRequest | None = None) -> list[Chunk]:
    return [chunk async for chunk in client.stream(request or ask())]


async def answer(client: Client, request: ModelRequest | None = None) -> tuple[str, Finished]:
    found = await chunks(client, request)
    end = found[-1]
    assert isinstance(end, Finished)
    return "".join(chunk.text for chunk in found if isinstance(chunk, TextDelta)), end


async def failure(client: Client, request: ModelRequest | None = None) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await chunks(client, request)
    assert KEY not in f"{caught.value.message}{caught.value.hint}"
    return caught.value


@pytest.fixture
async def raw(raw_server: Any) -> AsyncIterator[Client]:
    made = Client({"OPENAI_BASE_URL": f"{raw_server.url}/v1", "OPENAI_API_KEY": KEY})
    yield made
    await made.close()


@pytest.mark.parametrize("word", ["error", "network_error", "sensitive", "insufficient_system_resource"])
async def test_an_unknown_word_for_the_end_reaches_the_kernel_as_it_is(raw_server: Any, raw: Client, word: str) -> None:
    raw_server.events(delta("half"), delta(stop=word))
    assert (await answer(raw))[1].stop_reason == word


async def test_the_end_of_a_stream_without_a_reason_is_a_failure(raw_server: Any, raw: Client) -> None:
    raw_server.events(delta("half"))
    assert "without a reason" in (await failure(raw)).message


async def test_a_whole_answer_in_place_of_a_stream_is_an_answer(raw_server: Any, raw: Client) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    message = {"role": "assistant", "content": "hello", "tool_calls": [call]}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    raw_server.status(200, {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": usage})
    text, end = await answer(raw)
    assert (text, end.tool_calls[0].arguments, end.usage.total_tokens) == ("hello", {"city": "Oslo"}, 15)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the account is suspended", "code": "1113"}},
        {"error": "the account is suspended"},
        {"code": 1113, "msg": "the account is suspended", "success": False},
        {"detail": "the account is suspended"},
        "the account is suspended",
        "<html><body><h1>the account is suspended</h1></body></html>",
    ],
)
async def test_what_is_no_answer_is_told_and_not_asked_for_again(raw_server: Any, raw: Client, body: Any) -> None:
    raw_server.status(200, body)
    error = await failure(raw)
    assert "the account is suspended" in error.message
    assert (error.category, error.retriable) == (Category.PROVIDER, False)


async def test_a_rate_limit_inside_a_stream_is_one(raw_server: Any, raw: Client) -> None:
    raw_server.events({"error": {"message": "slow down", "code": 429}})
    assert (await failure(raw)).category is Category.RATE_LIMIT


async def test_an_endless_page_fails_at_once(raw_server: Any, raw: Client) -> None:
    raw_server.stream("<html><p>", content_type="text/html", then="hang")
    assert (await failure(raw)).category is Category.PROVIDER


async def test_the_reason_in_an_error_that_never_ends_is_not_waited_for(raw_server: Any, raw: Client) -> None:
    raw.connect_timeout = raw.read_timeout = 0.2
    raw_server.raw(b"HTTP/1.1 500 X\r\ncontent-length: 100\r\n\r\n{", then="hang")
    assert (await failure(raw)).category in (Category.PROVIDER, Category.TIMEOUT)


@pytest.mark.parametrize(
    ("status", "said", "blind"),
    [
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", True),
        (400, "Invalid content type. image_url is only supported by certain models.", True),
        (404, "No endpoints found that support image input", True),
        (400, "acme-7b is not a multimodal model", True),
        (400, "At most 0 image(s) may be provided in one prompt.", True),
        (500, "this model is missing data required for image input", True),
        (422, "unknown variant `image_url`, expected `text` at line 1", True),
        (400, "This model does not support images", True),
        (400, "The image format is broken", False),
        (400, "Image size is not valid", False),
        (500, "the image of the container is gone", False),
    ],
)
async def test_a_model_that_cannot_see_is_known_by_the_words_of_its_server(
    raw_server: Any, raw: Client, status: int, said: str, blind: bool
) -> None:
    raw_server.status(status, {"error": {"message": said}})
    error = await failure(raw)
    assert (error.code == codes.MODEL_CANNOT) is blind
    assert said in error.message
    assert not (blind and error.category.retried)


async def test_a_request_that_is_too_long_is_known_in_any_body(raw_server: Any, raw: Client) -> None:
    raw_server.status(400, {"detail": "This model's maximum context length is 4096 tokens"})
    assert (await failure(raw)).code == codes.CONTEXT_TOO_LONG


async def test_a_key_is_not_shown_when_a_server_repeats_it(raw_server: Any, raw: Client) -> None:
    raw_server.status(401, {"error": {"message": f"Incorrect API key: {KEY[:6]}****{KEY[-4:]}; it has expired"}})
    error = await failure(raw)
    assert "it has expired" in error.message
    assert KEY[-4:] not in error.message


async def test_a_character_in_two_halves_is_one(raw_server: Any, raw: Client) -> None:
    raw_server.events(
        '{"choices": [{"delta": {"content": "a\\ud83d"}}]}',
        '{"choices": [{"delta": {"content": "\\ude0b\u2028b"}, "finish_reason": "stop"}]}',
    )
    assert (await answer(raw))[0] == "a😋\u2028b"


async def test_parts_of_a_content_go_back_as_they_came(raw_server: Any, raw: Client) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    call = {"id": "a", "index": 0, "function": {"name": "weather", "arguments": "{}"}}
    raw_server.events(delta([thinking]), delta([{"type": "text", "text": "hello"}]))
    raw_server.answers.clear()
    raw_server.events(delta([thinking]), delta("let me see", tool_calls=[call]), delta(stop="tool_calls"))
    raw_server.events(delta("done", stop="stop"))
    text, end = await answer(raw, ask(tools=(TOOL,)))
    assert text == "let me see"
    turn = (
        Message(Role.ASSISTANT, (*end.parts[:1], TextPart(text), *end.parts[1:])),
        Message(Role.TOOL, [ToolResultPart("a", "x")]),
    )
    await answer(raw, ModelRequest((*ask().messages, *turn), model="m"))
    assert raw_server.bodies[1]["messages"][1]["content"] == [thinking, {"type": "text", "text": "let me see"}]


async def test_a_vendors_state_goes_back_unless_the_server_refuses_it(raw_server: Any, raw: Client) -> None:
    call = {"id": "a", "index": 0, "function": {"name": "weather", "arguments": "{}"}, "extra_content": {"sig": "S"}}
    raw_server.events(delta(reasoning_content="I think"), delta(tool_calls=[call]), delta(stop="tool_calls"))
    raw_server.status(400, {"error": {"message": "reasoning_content is not allowed in messages"}})
    raw_server.events(delta("done", stop="stop"))
    _, end = await answer(raw, ask(tools=(TOOL,)))
    turn = (Message(Role.ASSISTANT, end.parts), Message(Role.TOOL, [ToolResultPart("a", "x")]))
    found = await chunks(raw, ModelRequest((*ask().messages, *turn), model="m"))
    assert isinstance(found[0], ClientNotice)
    first, second = (body["messages"][1] for body in raw_server.bodies[1:])
    assert (first["reasoning_content"], first["tool_calls"][0]["extra_content"]) == ("I think", {"sig": "S"})
    assert "reasoning_content" not in second
    assert second["tool_calls"][0]["extra_content"] == {"sig": "S"}


@pytest.mark.parametrize(
    ("status", "body", "left_out"),
    [
        (400, {"error": {"message": "Unsupported parameter: 'max_tokens'", "param": "max_tokens"}}, "max_tokens"),
        (400, {"error": {"code": "unsupported_parameter", "param": "max_tokens"}}, "max_tokens"),
        (422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}, "stream_options"),
        (400, {"message": "temperature is not supported for this model"}, "temperature"),
        (500, "got an unexpected keyword argument 'temperature'", "temperature"),
    ],
)  # fmt: skip
async def test_a_field_that_is_refused_is_left_out_with_a_warning(
    raw_server: Any, raw: Client, status: int, body: Any, left_out: str
) -> None:
    raw_server.status(status, body)
    raw_server.events(delta("hi", stop="stop"))
    found = await chunks(raw, ask(temperature=0.5))
    assert isinstance(found[0], ClientNotice)
    assert left_out in found[0].message
    assert not any(isinstance(chunk, ClientNotice) for chunk in await chunks(raw, ask(temperature=0.5)))
    assert [left_out in body for body in raw_server.bodies] == [True, False, False]
    assert all("max_tokens" in body or body["max_completion_tokens"] == 100 for body in raw_server.bodies)


async def test_a_bound_of_tokens_that_is_refused_under_both_names_is_an_error(raw_server: Any, raw: Client) -> None:
    raw_server.status(400, {"error": {"message": "max_tokens and max_completion_tokens are not supported"}})
    assert "max_completion_tokens" in (await failure(raw)).message
    assert len(raw_server.requests) == 3


async def test_one_line_of_a_batch_that_cannot_be_read_leaves_the_others(raw_server: Any, raw: Client) -> None:
    body = '{"choices": [{"message": {"content": "a\u2028b\u0085"}, "finish_reason": "%s"}]}'
    line = '{"custom_id": "%s", "response": {"status_code": 200, "body": %s}}'
    lines = [line % ("a", body % "stop"), '{"custom_id": "b", "resp', line % ("c", body % "error"), "null"]
    raw_server.status(200, {"id": "x", "status": "completed", "output_file_id": "f"})
    raw_server.status(200, "\n".join(lines))
    replies = (await raw.poll_batch("x")).replies
    assert replies["a"].text == "a\u2028b\u0085"
    assert replies["b"].error is not None
    assert replies["c"].finished is not None
    assert replies["c"].finished.stop_reason == "error"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"OPENAI_BASE_URL": "127.0.0.1:1/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "ftp://127.0.0.1/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:port/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:99999/v1"}, "OPENAI_BASE_URL"),
        ({"OPENAI_API_KEY": "sk-abc\ndef"}, "OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "sk-abcé"}, "OPENAI_API_KEY"),
        ({"HTTP_PROXY": "gopher://x"}, "HTTP_PROXY"),
        ({"OPENAI_BASE_URL": "https://127.0.0.1:1", "SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE"),
        ({"ALL_PROXY": "socks5://127.0.0.1:9"}, "SOCKS"),
    ],
)
async def test_what_cannot_be_sent_names_its_variable_and_is_not_counted(
    raw_server: Any, environ: dict[str, str], words: str
) -> None:
    client = Client({"OPENAI_BASE_URL": f"{raw_server.url}/v1", "OPENAI_API_KEY": KEY, **environ})
    error = await failure(client)
    assert error.category is Category.CONFIG
    assert words in error.message
    assert raw_server.requests == []
    assert not (await client.health()).ok


async def test_a_proxy_that_is_not_there_is_named(unused_tcp_port: int, raw_server: Any) -> None:
    proxy = f"http://ada:secret@127.0.0.1:{unused_tcp_port}"
    client = Client({"OPENAI_BASE_URL": raw_server.url, "OPENAI_API_KEY": KEY, "ALL_PROXY": proxy})
    error = await failure(client)
    assert f"the proxy http://127.0.0.1:{unused_tcp_port}" in error.message
    assert "secret" not in error.message
    assert error.usage.total_tokens == 0
    await client.close()


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", {"error": "no"}, {}])
async def test_a_list_of_models_that_is_none_is_told(raw_server: Any, raw: Client, body: Any) -> None:
    raw_server.status(200, body)
    health = await raw.health()
    assert not health.ok or health.models == ()
    assert "attribute" not in health.detail
