from __future__ import annotations

import json
from typing import Any

from nika_core.testing import ProviderConformance
from nika_core.testing.fault_server import REASONING, FaultAnswer, ReceivedRequest


def ollama_wire(asked: ReceivedRequest) -> FaultAnswer:
    if asked.method == "GET":
        return FaultAnswer([b'{"models": []}'])
    texts = ['{"answer": ', '"yes"}'] if asked.body.get("format") else ["Hello", " there."]
    parts: list[dict[str, Any]]
    parts = [{"model": "m", "message": {"role": "assistant", "content": text}, "done": False} for text in texts]
    end = {**parts[0], "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    if "think" in asked.body and asked.body.get("tools") and '"tool_name"' not in json.dumps(asked.body):
        call = {"function": {"name": "get_weather", "arguments": {}}}
        said: dict[str, Any] = {"role": "assistant", "content": "", "thinking": REASONING, "tool_calls": [call]}
        parts = [{"model": "m", "message": said, "done": False}]
    counted = {**end, "prompt_eval_count": 11, "eval_count": 7}
    return FaultAnswer([json.dumps(part).encode() + b"\n" for part in (*parts, counted)], "application/x-ndjson")


class TestOllama(ProviderConformance):
    word = "ollama"
    model = "llama3.2:1b"
    wire = staticmethod(ollama_wire)
    scenarios = ("ollama",)

    def environ(self, url: str) -> dict[str, str]:
        return {"OLLAMA_HOST": url, "OLLAMA_API_KEY": self.key}
