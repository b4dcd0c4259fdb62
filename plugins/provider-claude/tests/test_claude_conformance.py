from __future__ import annotations

import json
from typing import Any

from nika_core.testing import ProviderConformance
from nika_core.testing.fault_server import REASONING, FaultAnswer, ReceivedRequest


def claude_wire(asked: ReceivedRequest) -> FaultAnswer:
    if "/batches" in asked.path:
        return FaultAnswer([b'{"id": "b", "type": "message_batch", "processing_status": "in_progress"}'])
    if asked.method == "GET":
        return FaultAnswer([b'{"data": [], "has_more": false, "first_id": null, "last_id": null}'])
    if asked.path.endswith("/count_tokens"):
        return FaultAnswer([b'{"input_tokens": 11}'])
    asked_for_json = "format" in asked.body.get("output_config", {})
    texts = ['{"answer": ', '"yes"}'] if asked_for_json else ["Hello", " there."]
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    usage = {"input_tokens": 11, "output_tokens": 1}
    pieces = [event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts]
    begin = begin_of(message, usage)
    begin += event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    if "thinking" in asked.body and asked.body.get("tools") and "tool_result" not in json.dumps(asked.body):
        return FaultAnswer([begin_of(message, usage) + thinking_and_a_call()], "text/event-stream")
    end = event("content_block_stop", index=0)
    end += event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 7})
    end += event("message_stop")
    return FaultAnswer([begin + pieces[0], pieces[1], end], "text/event-stream")


def begin_of(message: dict[str, Any], usage: dict[str, int]) -> bytes:
    return event("message_start", message={**message, "stop_sequence": None, "usage": usage})


def thinking_and_a_call() -> bytes:
    thinking = {"type": "thinking", "thinking": REASONING, "signature": "SIG"}
    call = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}
    events = event("content_block_start", index=0, content_block=thinking) + event("content_block_stop", index=0)
    events += event("content_block_start", index=1, content_block=call) + event("content_block_stop", index=1)
    events += event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 7})
    return events + event("message_stop")


def event(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


class TestClaude(ProviderConformance):
    word = "claude"
    model = "claude-sonnet-5"
    wire = staticmethod(claude_wire)
    scenarios = ("claude",)

    def environ(self, url: str) -> dict[str, str]:
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": self.key}


class TestClaudeWithABudget(TestClaude):
    model = "claude-sonnet-4-5"
    scenarios = ()  # the same client has played them
