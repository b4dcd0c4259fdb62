"""Ollama as it really is: no odd answer is taken for a good one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from nika_provider_ollama.client import Client

from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role, ToolSpec
from nika_core.plugin import Finished, ModelRequest, TextDelta
from nika_core.plugin.provider import Chunk

TOOL = ToolSpec("weather", "Weather")


def ask(**more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, "hello"),), **{"model": "m", "max_tokens": 100, **more})


def part(content: Any = "", **message: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": content, **message}, "done": False}


def end(**more: Any) -> dict[str, Any]:
    return {**part(), "done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3, **more}


async def answer(client: Client, request: ModelRequest | None = None) -> tuple[str, Finished]:
    found: list[Chunk] = [chunk async for chunk in client.stream(request or ask())]
    assert isinstance(found[-1], Finished)
    return "".join(chunk.text for chunk in found if isinstance(chunk, TextDelta)), found[-1]


async def failure(client: Client) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await answer(client)
    return caught.value


@pytest.fixture
async def client(ollama_server: Any) -> AsyncIterator[Client]:
    made = Client({"OLLAMA_HOST": ollama_server.url})
    yield made
    await made.close()


@pytest.mark.parametrize("word", ["load", "unload", "error"])
async def test_an_unknown_word_for_the_end_reaches_the_kernel(ollama_server: Any, client: Client, word: str) -> None:
    ollama_server.parts(part("half"), end(done_reason=word))
    assert (await answer(client))[1].stop_reason == word


async def test_an_end_without_a_reason_is_a_failure(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("half"), end(done_reason=None))
    assert "without a reason" in (await failure(client)).message


async def test_a_call_of_an_answer_that_was_cut_off_is_not_made(ollama_server: Any, client: Client) -> None:
    call = {"function": {"name": "weather", "arguments": {}}}
    ollama_server.parts(part(tool_calls=[call]), end(done_reason="length"))
    _, finished = await answer(client, ask(tools=(TOOL,)))
    assert (finished.stop_reason, finished.tool_calls) == ("maxTokens", ())


async def test_arguments_may_be_text_and_what_the_model_thought_goes_back(ollama_server: Any, client: Client) -> None:
    calls = [{"id": "x", "function": {"index": n, "name": "weather", "arguments": f'{{"n": {n}}}'}} for n in range(2)]
    ollama_server.parts(part(None, thinking="a "), part(thinking="a"), part(tool_calls=calls), end())
    ollama_server.parts(part("done"), end())
    _, finished = await answer(client, ask(tools=(TOOL,)))
    assert [call.arguments for call in finished.tool_calls] == [{"n": 0}, {"n": 1}]
    turn = Message(Role.ASSISTANT, finished.parts)
    await answer(client, ModelRequest((*ask().messages, turn), model="m"))
    assert ollama_server.bodies[1]["messages"][1]["thinking"] == "a a"


async def test_a_prompt_that_was_not_counted_has_no_number(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("x"), end(prompt_eval_count=None))
    usage = (await answer(client))[1].usage
    assert (usage.input_tokens, usage.output_tokens) == (0, 3)


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x1c"])
async def test_text_may_hold_any_character(ollama_server: Any, client: Client, separator: str) -> None:
    escaped = separator if separator > "\x7f" else f"\\u00{ord(separator):02x}"
    ollama_server.parts(f'{{"message": {{"content": "a{escaped}b"}}}}', end())
    assert (await answer(client))[0] == f"a{separator}b"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "the runner has stopped"}, "the runner has stopped"),
        ({"error": {"message": "the runner has stopped"}}, "the runner has stopped"),
        ({"detail": "the runner has stopped"}, "the runner has stopped"),
        ("<html>the runner has stopped</html>", "the runner has stopped"),
        ("the runner has stopped", "the runner has stopped"),
    ],
)
async def test_what_is_no_answer_is_told_and_not_asked_for_again(
    ollama_server: Any, client: Client, body: Any, words: str
) -> None:
    ollama_server.status(200, body)
    error = await failure(client)
    assert words in error.message
    assert (error.category, error.retriable) == (Category.PROVIDER, False)


async def test_a_page_that_is_not_there_is_not_a_model_that_is_not_there(ollama_server: Any, client: Client) -> None:
    ollama_server.status(404, "404 page not found")
    error = await failure(client)
    assert "nothing at this address" in error.message
    assert "ollama pull" not in str(error.hint)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("myhost", "http://myhost:11434"),
        ("myhost:80", "http://myhost:80"),
        (":8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[::1]", "http://[::1]:11434"),
        ("https://myhost/ollama", "https://myhost/ollama"),
        ("myhost/ollama", "http://myhost:11434/ollama"),
    ],
)
def test_an_address_may_leave_out_what_ollamas_own_tools_know(given: str, address: str) -> None:
    assert Client({"OLLAMA_HOST": given}).address == address


async def test_an_address_that_is_none_names_its_variable() -> None:
    error = await failure(Client({"OLLAMA_HOST": "http://my host"}))
    assert "OLLAMA_HOST" in error.message
    assert error.category is Category.CONFIG
