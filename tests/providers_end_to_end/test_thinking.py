"""Models that think before they call tools: how much, and what becomes of their thoughts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nika_core.testing import FaultServer
from nika_core.testing.fault_server import FaultAnswer, ReceivedRequest

from .conftest import KEY, Nika, Write

THOUGHT = "They want the sum, so I add."
CLAUDE = {"type": "thinking", "thinking": THOUGHT, "signature": "SIG=="}
MODELS = {"claude": "claude-sonnet-5", "openai": "gpt-5", "ollama": "qwen3:8b"}
WORKFLOW = """
agent: {{model: "{model}", provider: {provider}, effort: high, maxTokens: 3000, allowedTools: [shell]}}
tasks:
  - {{id: solve, agent: "What is 20 + 1?", timeout: 60s, retry: {{max: 1}}}}
"""


def claude(*blocks: dict[str, Any], stop: str) -> FaultAnswer:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"model": "claude-sonnet-5", "content": [], "usage": {"input_tokens": 9}}}
    ]
    for index, block in enumerate(blocks):
        given = {**block, "input": {}} if "input" in block else block
        events.append({"type": "content_block_start", "index": index, "content_block": given})
        if "input" in block:
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 5}})
    data = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return FaultAnswer([data.encode()], "text/event-stream")


def openai(stop: str, **delta: Any) -> FaultAnswer:
    chunk = {"model": "gpt-5", "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]}
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    data = f"data: {json.dumps(chunk)}\n\ndata: {json.dumps({'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n"
    return FaultAnswer([data.encode()], "text/event-stream")


def ollama(**message: Any) -> FaultAnswer:
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 5}
    said = {"model": "qwen3:8b", "message": {"role": "assistant", "content": "", **message}, **end}
    return FaultAnswer([json.dumps(said).encode() + b"\n"], "application/x-ndjson")


class Thinker:
    """A server in all three formats: it thinks and calls `shell`, then answers.

    While `held`, a request with the result of the tool is not answered, and `asked_again` is set.
    """

    def __init__(self) -> None:
        self.held = False
        self.asked_again, self._never = threading.Event(), threading.Event()
        self.bodies: list[Any] = []

    def end(self) -> None:
        self._never.set()

    def wire(self, request: ReceivedRequest) -> FaultAnswer:
        if request.path.endswith("count_tokens"):
            return FaultAnswer([b'{"input_tokens": 9}'])
        body = request.body
        self.bodies.append(body)
        said = json.dumps(body["messages"])
        told = not body.get("tools") or '"role": "tool"' in said or "tool_result" in said
        if told and self.held:
            self.asked_again.set()
            self._never.wait(60)
        arguments = {"command": "echo $((20 + 1))"}
        if "anthropic-version" in {name.lower() for name in request.headers}:
            if told:
                return claude(CLAUDE, {"type": "text", "text": "It is 21."}, stop="end_turn")
            call = {"type": "tool_use", "id": "t1", "name": "shell", "input": arguments}
            return claude(CLAUDE, {"type": "text", "text": "I add."}, CLAUDE, call, stop="tool_use")
        if request.path.endswith("/api/chat"):
            call = {"function": {"name": "shell", "arguments": arguments}}
            thoughts = {"thinking": THOUGHT}
            return ollama(content="It is 21.", **thoughts) if told else ollama(tool_calls=[call], **thoughts)
        if told:
            return openai("stop", content="It is 21.", reasoning_content=THOUGHT)
        function = {"name": "shell", "arguments": json.dumps(arguments)}
        call = {"index": 0, "id": "t1", "type": "function", "function": function}
        return openai("tool_calls", reasoning_content=THOUGHT, tool_calls=[call])


@pytest.fixture
def thinker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Thinker]:
    made = Thinker()
    with FaultServer(made.wire) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield made
        made.end()


def check_second_request(provider: str, body: Any) -> None:
    """What the model thought is there as it came, before its call."""
    turn = next(each for each in body["messages"] if each["role"] == "assistant")
    match provider:
        case "claude":
            assert [block["type"] for block in turn["content"]] == ["thinking", "text", "thinking", "tool_use"]
            assert (turn["content"][0], turn["content"][2]) == (CLAUDE, CLAUDE)
            assert body["thinking"] == {"type": "adaptive"}
            assert body["output_config"] == {"effort": "high"}
        case "openai":
            assert turn["reasoning_content"] == THOUGHT
            assert body["reasoning_effort"] == "high"
        case _:
            assert turn["thinking"] == THOUGHT
            assert body["think"] == "high"


@pytest.mark.parametrize("provider", MODELS)
def test_thoughts_go_back_with_results_and_are_never_the_answer(
    nika: Nika, write: Write, thinker: Thinker, provider: str
) -> None:
    write("w.nika.yaml", WORKFLOW.format(model=MODELS[provider], provider=provider))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "It is 21."
    assert THOUGHT not in done.out
    assert len(thinker.bodies) == 2
    check_second_request(provider, thinker.bodies[1])


@pytest.mark.parametrize("provider", MODELS)
def test_a_run_that_is_killed_while_a_thinking_model_waits_goes_on_with_the_same_thoughts(
    nika: Nika,
    start: Callable[..., Any],
    write: Write,
    thinker: Thinker,
    the_run: Callable[[], str],
    provider: str,
) -> None:
    write("w.nika.yaml", WORKFLOW.format(model=MODELS[provider], provider=provider))
    thinker.held = True
    process = start("run", "w.nika.yaml")
    assert thinker.asked_again.wait(60)
    process.kill()
    process.communicate()
    thinker.held = False
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"] == "It is 21."
    asked, killed, resumed = thinker.bodies  # the first reply was paid for and is not asked for again
    assert killed["messages"] == resumed["messages"]
    assert len(asked["messages"]) < len(resumed["messages"])
    check_second_request(provider, resumed)


def test_another_effort_is_another_task(nika: Nika, write: Write, thinker: Thinker, the_run: Callable[[], str]) -> None:
    for effort, calls in (("low", 1), ("low", 1), ("high", 2)):
        write(
            "w.nika.yaml",
            f"""\
            agent: {{model: gpt-5, provider: openai, effort: {effort}, maxTokens: 3000}}
            tasks:
              - {{id: a, llm: hi}}
              - {{id: b, shell: "exit 1", retry: {{max: 1}}}}
            """,
        )
        nika(*(("resume", the_run()) if thinker.bodies else ("run", "w.nika.yaml")))
        assert len(thinker.bodies) == calls, effort
