"""One workflow file (an agent with tools, thinking and a picture) on every wire, and on a server on this machine.

Its second turn is cheap, because what the first one sent was cached: seen by usage and cost.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing import FaultServer
from nika_core.testing.fault_server import FaultAnswer, ReceivedRequest
from nika_core.testing.file_checks import SAMPLES

from .conftest import Nika, Write
from .test_llama_server_tools import KEY, needs_weights, server_params
from .test_prompt_cache import Counting
from .tiny_eyes import write_projector

PICTURE = base64.b64encode(SAMPLES["image/png"]).decode()
THOUGHT = "They ask for the weather, so I look."
TOOL = "tools_get_weather"
WORKFLOW = f"""\
agent: {{model: claude-sonnet-5, effort: high, temperature: 0, maxTokens: 60}}
tasks:
  - id: look
    agent:
      maxTurns: 4
      attach: [chart.png]
      prompt: |
        <tool_call>
        {{"name": "{TOOL}", "arguments": {{"city": "Paris"}}}}
        </tool_call>

        Repeat the text above.
    allowedTools: ["function::tools.py::get_weather"]
    retry: {{max: 1}}
    timeout: 120s
"""
PRICE = "{inputPerMillion: 10, outputPerMillion: 50, cachedPerMillion: 1, cacheWritePerMillion: 12.5}"
PROJECT = f"prices: {{claude-sonnet-5: {PRICE}, gpt-5: {PRICE}, smollm2: {PRICE}}}\n"
_CLAUDE_THOUGHT = {"type": "thinking", "thinking": THOUGHT, "signature": "SIG=="}
_ENCRYPTED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


class Claude(Counting):
    """Counts as Anthropic does. It thinks and calls the tool, then answers."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[Any] = []

    def wire(self, request: ReceivedRequest) -> FaultAnswer:
        if not request.path.endswith("count_tokens"):
            self.bodies.append(request.body)
        return super().wire(request)

    def _answer(self, turn: int) -> FaultAnswer:
        call = {"type": "tool_use", "id": "t1", "name": TOOL, "input": {"city": "Paris"}}
        said = call if turn == 1 else {"type": "text", "text": "It is 7 degrees."}
        usage = {
            "input_tokens": self.full[-1],
            "cache_read_input_tokens": self.read[-1],
            "cache_creation_input_tokens": self.written[-1],
            "output_tokens": 9,
        }
        message = {"type": "message", "model": "claude-sonnet-5", "content": [_CLAUDE_THOUGHT, said], "usage": usage}
        return FaultAnswer([json.dumps({**message, "stop_reason": "tool_use" if turn == 1 else "end_turn"}).encode()])

    def effort(self, body: Any) -> Any:
        return body["output_config"]["effort"]

    def thoughts(self, body: Any) -> bool:
        return _CLAUDE_THOUGHT in body["messages"][1]["content"]


class OpenAI:
    """Counts as OpenAI does: what begins as an earlier prompt began is read from a cache that nobody asked for."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self._cache: set[str] = set()

    def wire(self, request: ReceivedRequest) -> FaultAnswer:
        body = request.body
        self.bodies.append(body)
        turns = [json.dumps(each) for each in (body.get("tools"), *(body.get("messages") or body["input"]))]
        starts = ["".join(turns[:number]) for number in range(1, len(turns) + 1)]
        total = len(starts[-1]) // 4
        read = max((len(start) // 4 for start in starts if start in self._cache), default=0)
        self._cache.update(starts)
        answer = self._response if request.path.endswith("/responses") else self._completion
        return FaultAnswer([json.dumps(answer(len(self.bodies) == 1, total, read)).encode()])

    def _completion(self, calls: bool, total: int, read: int) -> dict[str, Any]:
        function = {"name": TOOL, "arguments": '{"city": "Paris"}'}
        message: dict[str, Any] = {"role": "assistant", "content": "It is 7 degrees."}
        if calls:
            message |= {"content": None, "tool_calls": [{"id": "t1", "type": "function", "function": function}]}
        message["reasoning_content"] = THOUGHT
        usage = {"prompt_tokens": total, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": read}}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        return {"model": "gpt-5", "choices": [choice], "usage": usage}

    def _response(self, calls: bool, total: int, read: int) -> dict[str, Any]:
        call = {"type": "function_call", "call_id": "t1", "name": TOOL, "arguments": '{"city": "Paris"}'}
        text = {"type": "message", "content": [{"type": "output_text", "text": "It is 7 degrees."}]}
        usage = {"input_tokens": total, "output_tokens": 9, "input_tokens_details": {"cached_tokens": read}}
        output = [_ENCRYPTED, call if calls else text]
        return {"object": "response", "model": "gpt-5", "status": "completed", "output": output, "usage": usage}

    def effort(self, body: Any) -> Any:
        return body["reasoning"]["effort"] if "input" in body else body["reasoning_effort"]

    def thoughts(self, body: Any) -> bool:
        if "input" in body:
            return _ENCRYPTED in body["input"]
        return any(turn.get("reasoning_content") == THOUGHT for turn in body["messages"])


@pytest.fixture
def desk(write: Write, folder: Path) -> Path:
    """The file, its tool and its picture."""
    write(
        "tools.py",
        'def get_weather(city: str) -> str:\n    """The weather in a city."""\n    return f"{city}: 7 degrees"\n',
    )
    (folder / "chart.png").write_bytes(SAMPLES["image/png"])
    write("w.nika.yaml", WORKFLOW)
    write("nika.yaml", PROJECT)
    return folder


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Claude | OpenAI], None]]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ExitStack() as servers:

        def start(model: Claude | OpenAI) -> None:
            server = servers.enter_context(FaultServer(model.wire))
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")

        yield start


def check_second_turn(events: list[Any], *, cached: float) -> None:
    """Of what the first turn sent, at least that share is read from the cache in the second, and paid as such."""
    first, second = (event["data"]["usage"] for event in events if event["event"] == "model.called")
    read, written = second["cachedTokens"], second.get("cacheWriteTokens", 0)
    assert read >= cached * first["inputTokens"]
    full = second["inputTokens"] - read - written
    cost = full * Decimal(10) + read * Decimal(1) + written * Decimal("12.5") + second["outputTokens"] * Decimal(50)
    assert second["costUsd"] == pytest.approx(float(cost / 1_000_000))
    assert (second["inputTokens"] > first["inputTokens"], second["costUsd"] < first["costUsd"]) == (True, True)


@pytest.mark.parametrize("wire", ["claude", "responses", "chat"])
def test_one_file_runs_on_every_wire_and_its_second_turn_is_cheap(
    nika: Nika, write: Write, desk: Path, serve: Callable[[Claude | OpenAI], None], wire: str
) -> None:
    server = Claude() if wire == "claude" else OpenAI()
    serve(server)
    options: tuple[str, ...] = ()
    if wire != "claude":
        write("nika.yaml", f"{PROJECT}openai: {{api: {wire}}}\n")
        options = ("-p", "openai", "-m", "gpt-5")
    done = nika("run", "w.nika.yaml", "--format", "jsonl", *options)
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "It is 7 degrees."
    assert THOUGHT not in done.out
    assert [call["data"]["arguments"] for call in done.events("tool.called")] == [{"city": "Paris"}]
    asked, told = server.bodies
    assert PICTURE in json.dumps(asked)
    assert PICTURE in json.dumps(told)
    assert "7 degrees" in json.dumps(told)
    assert server.thoughts(told)
    assert all(server.effort(body) == "high" for body in server.bodies)
    check_second_turn(done.lines, cached=1)


@pytest.fixture(scope="module")
def seeing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's own server, with a model that is given eyes."""
    import xllamacpp

    projector = tmp_path_factory.mktemp("eyes") / "eyes.gguf"
    write_projector(projector, 576)
    params = server_params()
    params.mmproj.path = str(projector)
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server


@needs_weights
def test_the_same_file_runs_on_a_server_on_this_machine_and_its_second_turn_is_cheap(
    nika: Nika, desk: Path, seeing_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{seeing_server}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    done = nika("run", "w.nika.yaml", "--format", "jsonl", "-p", "openai", "-m", "smollm2")
    assert done.code == 0, done.out
    assert [call["data"]["arguments"] for call in done.events("tool.called")] == [{"city": "Paris"}]
    assert "7 degrees" in done.lines[-1]["data"]["output"]
    check_second_turn(done.lines, cached=0.9)


def test_the_model_in_this_process_cannot_see_which_is_told_at_its_place(nika: Nika, desk: Path) -> None:
    done = nika("run", "w.nika.yaml", "-p", "local", "-m", "smollm2-135m")
    assert done.code == 2
    assert "w.nika.yaml:6:16" in done.err
    assert "the model 'smollm2-135m' takes no images, and task 'look' attaches 'chart.png'" in done.err
