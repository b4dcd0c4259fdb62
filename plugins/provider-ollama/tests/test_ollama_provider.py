"""The provider against a server that speaks as Ollama does, and every way in which it may fail."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nika_provider_ollama.client import Client
from nika_provider_ollama.plugin import nika_providers
from nika_provider_ollama.wire import body_of

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import DocumentPart, ImagePart, Message, Role, TextPart, ToolCall, ToolResultPart, ToolSpec
from nika_core.plugin import Finished, ModelRequest, TextDelta

KEY = "ollama-secret-0123456789"
TOOL = ToolSpec("get_weather", "Weather", {"type": "object", "properties": {"city": {"type": "string"}}})


def ask(text: str = "hello", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "llama3.2:1b", "max_tokens": 100, **more})


def part(content: str = "", **more: Any) -> dict[str, Any]:
    return {"model": "llama3.2:1b", "message": {"role": "assistant", "content": content}, "done": False, **more}


def end(reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {**part(), "done": True, "done_reason": reason, "prompt_eval_count": 7, "eval_count": 3, **more}


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
async def client(ollama_server: Any) -> AsyncIterator[Client]:
    made = Client({"OLLAMA_HOST": ollama_server.url, "OLLAMA_API_KEY": KEY})
    yield made
    await made.close()


async def test_an_answer_comes_in_pieces_with_its_usage(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("Par"), part("is"), end())
    text, finished = await answer(client, ask(system="Be brief.", temperature=0.5))
    assert text == "Paris"
    assert (finished.stop_reason, finished.usage.input_tokens, finished.usage.output_tokens) == ("end", 7, 3)
    path, body = ollama_server.requests[0].path, ollama_server.bodies[0]
    assert path == "/api/chat"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["options"] == {"num_predict": 100, "temperature": 0.5}


async def test_tool_calls_get_ids_and_their_results_go_back_by_name(ollama_server: Any, client: Client) -> None:
    call = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    ollama_server.parts({**part(), "message": {"role": "assistant", "content": "", "tool_calls": [call, call]}}, end())
    _, finished = await answer(client, ask(tools=(TOOL,)))
    assert finished.stop_reason == "toolUse"
    assert [(c.id, c.name, c.arguments) for c in finished.tool_calls] == [
        ("call_1_0", "get_weather", {"city": "Paris"}),
        ("call_1_1", "get_weather", {"city": "Paris"}),
    ]
    messages = body_of(
        ModelRequest(
            (
                Message(Role.ASSISTANT, finished.parts),
                Message(Role.TOOL, [ToolResultPart("call_1_0", "no", True)]),
            )
        )
    )["messages"]
    assert messages[1] == {"role": "tool", "content": "Error: no", "tool_name": "get_weather"}


async def test_an_answer_cut_at_max_tokens_says_so(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("half"), end("length"))
    assert (await answer(client))[1].stop_reason == "maxTokens"


async def test_an_empty_answer_is_an_end_without_text(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(end())
    text, finished = await answer(client)
    assert (text, finished.stop_reason) == ("", "end")


@pytest.mark.parametrize(
    ("status", "category"),
    [(429, Category.RATE_LIMIT), (500, Category.PROVIDER), (503, Category.PROVIDER), (400, Category.VALIDATION)],
)
async def test_a_status_has_its_category(ollama_server: Any, client: Client, status: int, category: Category) -> None:
    ollama_server.status(status, {"error": f"it is so {KEY}"})
    assert (await failure(client)).category is category


async def test_a_wrong_key_is_a_configuration_error(ollama_server: Any, client: Client) -> None:
    ollama_server.status(401, {"error": "unauthorized"})
    error = await failure(client)
    assert error.category is Category.CONFIG
    assert "OLLAMA_API_KEY" in error.message


async def test_a_model_that_is_not_there_is_told_with_how_to_get_it(ollama_server: Any, client: Client) -> None:
    ollama_server.status(404, {"error": "model 'llama3.2:1b' not found"})
    error = await failure(client)
    assert error.category is Category.CONFIG
    assert "ollama pull llama3.2:1b" in str(error.hint)


async def test_a_model_that_cannot_use_tools_is_told(ollama_server: Any, client: Client) -> None:
    ollama_server.status(400, {"error": "registry.ollama.ai/library/x does not support tools"})
    assert (await failure(client, ask(tools=(TOOL,)))).code == codes.MODEL_CANNOT


async def test_a_prompt_that_is_too_long_has_its_own_code(ollama_server: Any, client: Client) -> None:
    ollama_server.status(400, {"error": "input length exceeds the context length"})
    assert (await failure(client)).code == codes.CONTEXT_TOO_LONG


async def test_a_truncated_stream_is_a_failure(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("half"))
    error = await failure(client)
    assert error.category is Category.NETWORK
    assert "ended before" in error.message


async def test_a_disconnect_is_a_network_failure_not_tried_again_once_text_was_shown(
    ollama_server: Any, client: Client
) -> None:
    ollama_server.parts(part("half"), cut=True)
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.NETWORK, False)


async def test_a_line_that_is_no_json_is_the_providers_failure(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("half"), "{nope")
    assert (await failure(client)).category is Category.PROVIDER


async def test_an_error_inside_a_stream_is_the_providers(ollama_server: Any, client: Client) -> None:
    ollama_server.parts(part("half"), {"error": "the runner has crashed"})
    error = await failure(client)
    assert (error.category, error.retriable) == (Category.PROVIDER, False)
    assert "the runner has crashed" in error.message


async def test_a_stalled_stream_times_out(ollama_server: Any, client: Client) -> None:
    client.read_timeout = 0.2
    ollama_server.parts(part("half"), stall=True)
    assert (await failure(client)).category is Category.TIMEOUT


async def test_a_server_that_is_not_there_is_told_with_its_address(unused_tcp_port: int) -> None:
    client = Client({"OLLAMA_HOST": f"127.0.0.1:{unused_tcp_port}"})
    error = await failure(client)
    assert error.category is Category.NETWORK
    assert f"127.0.0.1:{unused_tcp_port}" in error.message
    assert not (await client.health()).ok
    await client.close()


async def test_health_lists_the_models(ollama_server: Any, client: Client) -> None:
    ollama_server.status(200, {"models": [{"model": "llama3.2:1b"}]})
    health = await client.health()
    assert (health.ok, health.models) == (True, ("llama3.2:1b",))


async def test_it_has_no_batches(client: Client) -> None:
    with pytest.raises(TaskError):
        await client.submit_batch({})
    with pytest.raises(TaskError):
        await client.poll_batch("x")


def test_a_schema_is_its_own_format_but_not_beside_tools() -> None:
    assert body_of(ask(output_schema={"type": "object"}))["format"] == {"type": "object"}
    assert body_of(ask(output_schema={}))["format"] == "json"
    assert "format" not in body_of(ask(output_schema={"type": "object"}, tools=(TOOL,)))


def test_a_longer_prompt_asks_for_a_larger_context() -> None:
    assert "num_ctx" not in body_of(ask())["options"]
    assert body_of(ask("word " * 4000))["options"]["num_ctx"] == 8192


def test_arguments_that_were_no_json_are_sent_as_none() -> None:
    sent = body_of(ModelRequest((Message(Role.ASSISTANT, (ToolCall("1", "f", None, "{"),)),)))
    assert sent["messages"][0]["tool_calls"] == [{"function": {"name": "f", "arguments": {}}}]


@pytest.mark.parametrize(
    ("model", "claimed"),
    [
        ("llama3.2:1b", True),
        ("qwen3:8b-q4_K_M", True),
        ("smollm2:135m", True),
        ("mistral:latest", True),
        ("llama3.2", False),
        ("gpt-4o", False),
        ("ft:gpt-4o:acme", False),
        ("acme-large:v2", False),
    ],
)
def test_it_claims_only_names_that_look_like_its_own(model: str, claimed: bool) -> None:
    [provider] = nika_providers()
    assert any(fnmatch.fnmatchcase(model, pattern) for pattern in provider.models) is claimed


def test_models_on_this_machine_are_free_and_hosted_ones_are_not() -> None:
    assert Client({}).info("llama3.2:1b").free
    assert not Client({"OLLAMA_HOST": "https://ollama.com"}).info("llama3.2:1b").free


def test_declaring_it_imports_nothing_heavy() -> None:
    code = "import nika_provider_ollama.plugin, nika_provider_ollama.client, sys; print('ollama' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).strip() == "False"


def test_images_are_beside_the_text_and_text_files_in_it() -> None:
    parts = [TextPart("what is this?"), ImagePart("image/png", b"PNG"), DocumentPart("text/plain", b"words", "a.txt")]
    sent = body_of(ModelRequest((Message(Role.USER, parts),)))["messages"][0]
    assert sent == {"role": "user", "content": "a.txt:\nwords\n\nwhat is this?", "images": ["UE5H"]}


async def test_a_model_that_cannot_think_is_an_error_that_says_so(ollama_server: Any, client: Client) -> None:
    ollama_server.status(400, {"error": '"llama3.2:1b" does not support thinking'})
    with pytest.raises(TaskError) as caught:
        async for _ in client.stream(ask(effort="high")):
            pass
    assert ollama_server.bodies[0]["think"] == "high"
    assert (caught.value.code, caught.value.hint) == (
        codes.MODEL_CANNOT,
        "use a model that can think, or remove `effort`",
    )


IMPORTS = """
import asyncio, os, sys
from nika_provider_ollama.client import Client

for name, value in (("NO_PROXY", "[::1],127.0.0.0/8"), ("HTTPS_PROXY", "ftp://x"), ("SSL_CERT_FILE", "/nowhere")):
    os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
    os.environ[name] = value
    client = Client({"OLLAMA_HOST": "http://127.0.0.1:5", name: value})
    asyncio.run(client.connect())
    sys.modules.pop("ollama", None)  # the next import begins anew
    del os.environ[name]
"""


def test_no_variable_keeps_the_sdk_from_being_imported() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
