"""The Responses API: what is sent, how replies are read, and when Chat Completions are used in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from nika_provider_openai.client import Client
from nika_provider_openai.responses import ResponsesReply, body_of

from nika_core.errors import Category, TaskError
from nika_core.plugin import (
    Finished,
    ImagePart,
    Message,
    ModelRequest,
    ReasoningPart,
    Role,
    TextDelta,
    TextPart,
    ToolCall,
    ToolResultPart,
    ToolSpec,
    Usage,
)
from nika_core.testing import FaultServer, ProviderConformance, run_workflow
from nika_core.testing.fault_server import FaultAnswer, ReceivedRequest, openai_wire

WORKFLOW = """\
agent: {model: m, provider: openai, maxTokens: 50%s}
tasks:
  - {id: a, llm: hi}
"""
USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 18,
}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA", "status": None}
CALL = {
    "type": "function_call", "id": "fc_1", "status": "completed",
    "call_id": "call_1", "name": "look", "arguments": '{"at": "x"}',
}  # fmt: skip
SAID = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hello there."}]}


def response(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"object": "response", "model": "m-2", "status": status, "output": list(output), "usage": USAGE, **more}


def events(*objects: dict[str, Any]) -> FaultAnswer:
    return FaultAnswer([f"data: {json.dumps(each)}\n\n".encode() for each in objects], "text/event-stream")


def responses_wire(request: ReceivedRequest) -> FaultAnswer:
    """Answer at `/responses` as OpenAI does; JSON if JSON is asked for."""
    if not request.path.endswith("/responses"):
        return openai_wire(request)
    texts = ['{"answer": ', '"yes"}'] if "text" in request.body else ["Hello", " there."]
    said = {"type": "message", "content": [{"type": "output_text", "text": "".join(texts)}]}
    deltas = [{"type": "response.output_text.delta", "delta": text} for text in texts]
    end = {"type": "response.completed", "response": response(said)}
    return events(*deltas, {"type": "response.output_item.done", "item": said}, end)


class TestConformance(ProviderConformance):
    word = "openai"
    model = "m"
    wire = staticmethod(responses_wire)

    def environ(self, url: str) -> dict[str, str]:
        return {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": self.key}

    def make(self, url: str = "") -> Any:
        return Client(self.environ(url), {"api": "responses"})


def request(*messages: Message, **more: Any) -> ModelRequest:
    return ModelRequest(messages or (Message(Role.USER, "hi"),), model="m", max_tokens=50, **more)


def body(asked: ModelRequest, **more: Any) -> dict[str, Any]:
    return body_of(asked, reasons=True, **more)


def read(*given: dict[str, Any]) -> tuple[str, Finished]:
    reply = ResponsesReply(request())
    text = "".join(reply.add(event) for event in given)
    assert reply.complete
    return text, reply.finished()


def test_nothing_is_stored_at_the_server_and_reasoning_comes_back_encrypted() -> None:
    sent = body(request(system="be brief", temperature=0.5, effort="low"))
    assert sent == {
        "model": "m",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
        "instructions": "be brief",
        "max_output_tokens": 50,
        "temperature": 0.5,
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
    }
    assert "include" not in body_of(request(), reasons=False)


def test_tools_schemas_and_pictures_are_sent() -> None:
    asked = request(
        Message(Role.USER, (TextPart("look"), ImagePart("image/png", b"x"))),
        tools=(ToolSpec("look", "Looks."),),
        output_schema={"type": "object"},
    )
    sent = body(asked)
    assert sent["tools"][0]["name"] == "look"
    assert sent["text"]["format"]["schema"] == {"type": "object"}
    assert sent["input"][0]["content"][1] == {"type": "input_image", "image_url": "data:image/png;base64,eA=="}
    assert "JSON" in body(asked, left_out={"text"})["instructions"]


def test_a_tool_loop_goes_back_with_the_models_reasoning_as_it_came() -> None:
    _, end = read(
        {"type": "response.output_item.done", "item": REASONING},
        {"type": "response.output_item.done", "item": CALL},
        {"type": "response.completed", "response": response(REASONING, CALL)},
    )
    assert end.stop_reason == "toolUse"
    assert end.tool_calls == (ToolCall("call_1", "look", {"at": "x"}, '{"at": "x"}'),)
    turn = request(
        Message(Role.USER, "hi"),
        Message(Role.ASSISTANT, end.parts),
        Message(Role.TOOL, (ToolResultPart("call_1", "nothing"),)),
    )
    assert body(turn)["input"][1:] == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at": "x"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "nothing"},
    ]


def test_a_tool_loop_without_reasoning_goes_back_in_words_of_ours() -> None:
    _, end = read({"type": "response.completed", "response": response(SAID, CALL)})
    assert not any(isinstance(part, ReasoningPart) for part in end.parts)
    turn = request(Message(Role.ASSISTANT, (TextPart("Hm."), *end.tool_calls)))
    assert [item.get("type", item.get("role")) for item in body(turn)["input"]] == ["assistant", "function_call"]


@pytest.mark.parametrize(
    ("end", "stop"),
    [
        (response(SAID), "end"),
        (response(SAID, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "maxTokens"),
        (response(SAID, status="incomplete", incomplete_details={"reason": "content_filter"}), "refusal"),
        (response({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}), "refusal"),
        (response(SAID, status="cancelled"), "cancelled"),
    ],
    ids=["whole", "cut", "filtered", "refused", "another end"],
)
def test_the_ends_of_replies_are_read(end: dict[str, Any], stop: str) -> None:
    text, finished = read(end)
    assert (finished.stop_reason, finished.model) == (stop, "m-2")
    assert text in ("Hello there.", "No.")
    assert finished.usage == Usage(11, 7, cached_tokens=3, calls=1)


def test_a_call_in_a_reply_that_was_cut_off_is_not_made() -> None:
    cut = response(CALL, status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert read({"type": "response.incomplete", "response": cut})[1].tool_calls == ()


def served(wire: Callable[[ReceivedRequest], FaultAnswer], extra: str = "") -> tuple[Any, list[str]]:
    with FaultServer(wire) as server:
        ran = run_workflow(WORKFLOW % extra, environ={"OPENAI_BASE_URL": server.url})
        paths = [each.path for each in server.requests if each.method == "POST"]
    return ran, paths


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ("", "/chat/completions"),
        (", options: {api: chat}", "/chat/completions"),
        (", options: {api: responses}", "/responses"),
    ],
    ids=["another server's default", "chat", "responses"],
)
def test_the_api_is_the_users_choice(extra: str, path: str) -> None:
    ran, paths = served(responses_wire, extra)
    assert ran.output == "Hello there."
    assert ran.result.usage.total_tokens == 18
    assert paths == [path]


async def test_a_server_without_the_responses_api_is_asked_by_chat_completions_from_then_on() -> None:
    with FaultServer() as server, server.fault(404):
        client = Client({"OPENAI_BASE_URL": server.url}, {"api": "responses"})
        with pytest.raises(TaskError) as caught:  # everything is 404 there
            await read_all(client)
        assert caught.value.category is Category.CONFIG
        server.mode = "work"
        chunks = await read_all(client)
        await client.close()
    assert [each.path for each in server.requests] == ["/responses", "/chat/completions", "/chat/completions"]
    assert "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta)) == "Hello there."


@pytest.mark.parametrize(
    "failure",
    [
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "it burns"}}},
        {"type": "error", "code": "server_error", "message": "it burns"},
    ],
    ids=["response.failed", "error"],
)
async def test_a_reply_that_fails_is_an_error_in_the_servers_words(failure: dict[str, Any]) -> None:
    with FaultServer(lambda _: events(failure)) as server:
        client = Client({"OPENAI_BASE_URL": server.url}, {"api": "responses"})
        with pytest.raises(TaskError, match="it burns"):
            await read_all(client)
        await client.close()


async def read_all(client: Client) -> list[Any]:
    return [chunk async for chunk in client.stream(request())]


def test_reasoning_that_a_server_sends_in_full_goes_back_in_full() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "So."}]}
    for item, sent in ((thought, [thought]), ({**thought, "content": None}, [])):
        reply = ResponsesReply(ModelRequest((), model="m"))
        assert reply.add(response(item, CALL)) == ""
        message = Message(Role.ASSISTANT, reply.finished().parts)
        items = body_of(ModelRequest((message,), model="m"), reasons=True)["input"]
        assert [each for each in items if each["type"] == "reasoning"] == sent


@pytest.mark.parametrize(
    ("address", "api"),
    [
        ("https://api.openai.com/v1", "responses"),
        ("https://EU.api.openai.com/v1/", "responses"),
        ("http://api.openai.com/v1", "chat"),
        ("https://api.openai.com.example.org/v1", "chat"),
        ("https://notapi.openai.com/v1", "chat"),
        ("http://127.0.0.1:1/v1", "chat"),
    ],
)
async def test_only_openai_itself_is_asked_by_the_responses_api_without_being_told(address: str, api: str) -> None:
    client = Client({"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "sk-0123456789"})
    asked: list[str] = []
    client._send_to_responses = lambda request: _noted(asked, "responses")  # type: ignore[method-assign]  # the seam
    client._send_to_chat = lambda request: _noted(asked, "chat")  # type: ignore[method-assign]  # ditto
    await client.send(ModelRequest((Message(Role.USER, "hi"),), model="gpt-5"))
    assert asked == [api]
    assert (client.info("gpt-5").file_totals.max_bytes is not None) == (api == "responses")


async def _noted(asked: list[str], api: str) -> Any:
    asked.append(api)
