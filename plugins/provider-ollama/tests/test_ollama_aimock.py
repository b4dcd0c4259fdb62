"""The provider against aimock, which none of us wrote, where Node and aimock are there (NIKA_NODE_MODULES)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nika_provider_ollama.client import Client

from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role, ToolSpec
from nika_core.plugin import Finished, ModelRequest, TextDelta

MODULES = Path(os.environ.get("NIKA_NODE_MODULES") or Path(__file__).parents[3] / "node_modules").absolute()
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None or not (MODULES / "@copilotkit" / "aimock").is_dir(),
    reason="no aimock: npm install @copilotkit/aimock@1.43.0",
)
SCRIPT = """
const { LLMock } = require(process.argv[1]);
(async () => {
  const mock = new LLMock({ port: 0 });
  mock.onMessage("capital", { content: "It is Paris, on the river Seine." });
  mock.onMessage("weather", { toolCalls: [{ name: "get_weather", arguments: { city: "Paris" } }] });
  mock.onMessage("limited", { error: { message: "slow down", type: "rate_limit_error" }, status: 429 });
  await mock.start();
  console.log(mock.url);
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
})();
"""


@pytest.fixture(scope="module")
def aimock() -> Iterator[str]:
    assert NODE is not None
    arguments = [NODE, "-e", SCRIPT, str(MODULES / "@copilotkit" / "aimock")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()  # its end ends the server
        process.wait(10)


@pytest.fixture
async def client(aimock: str) -> AsyncIterator[Client]:
    made = Client({"OLLAMA_HOST": aimock})
    yield made
    await made.close()


async def answer(client: Client, text: str, **more: Any) -> tuple[str, Finished]:
    said = ""
    async for chunk in client.stream(ModelRequest((Message(Role.USER, text),), model="llama3.2:1b", **more)):
        if isinstance(chunk, TextDelta):
            said += chunk.text
        else:
            return said, chunk
    raise AssertionError("no end")


async def test_an_answer_comes_with_its_end(client: Client) -> None:
    text, end = await answer(client, "capital of France?")
    assert text == "It is Paris, on the river Seine."
    assert end.stop_reason == "end"


async def test_a_tool_is_called(client: Client) -> None:
    tool = ToolSpec("get_weather", "Weather", {"type": "object", "properties": {"city": {"type": "string"}}})
    _, end = await answer(client, "weather?", tools=(tool,))
    assert end.stop_reason == "toolUse"
    assert [(call.name, call.arguments) for call in end.tool_calls] == [("get_weather", {"city": "Paris"})]


async def test_a_rate_limit_is_one(client: Client) -> None:
    with pytest.raises(TaskError) as caught:
        await answer(client, "limited")
    assert caught.value.category is Category.RATE_LIMIT


async def test_health_is_told(client: Client) -> None:
    health = await client.health()
    assert health.detail
