from __future__ import annotations

import json
from typing import Any

from nika_core.testing import ProviderConformance
from nika_core.testing.fault_server import FaultAnswer, ReceivedRequest


def claude_wire(asked: ReceivedRequest) -> FaultAnswer:
    if "/batches" in asked.path:
        return FaultAnswer([b'{"id": "b", "type": "message_batch", "processing_status": "in_progress"}'])
    if asked.method == "GET":
        return FaultAnswer([b'{"data": [], "has_more": false, "first_id": null, "last_id": null}'])
    if asked.path.endswith("/count_tokens"):
        return FaultAnswer([b'{"input_tokens": 11}'])
    asked_for_json = "output_config" in asked.body or "output_format" in asked.body
    texts = ['{"answer": ', '"yes"}'] if asked_for_json else ["Hello", " there."]
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    usage = {"input_tokens": 11, "output_tokens": 1}
    pieces = [event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts]
    begin = event("message_start", message={**message, "stop_sequence": None, "usage": usage})
    begin += event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    end = event("content_block_stop", index=0)
    end += event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 7})
    end += event("message_stop")
    return FaultAnswer([begin + pieces[0], pieces[1], end], "text/event-stream")


def event(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


class TestClaude(ProviderConformance):
    word = "claude"
    model = "claude-sonnet-5"
    wire = staticmethod(claude_wire)
    scenarios = ("claude",)

    def environ(self, url: str) -> dict[str, str]:
        return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": self.key}
