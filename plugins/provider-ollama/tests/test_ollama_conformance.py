from __future__ import annotations

import json

from nika_core.testing import ProviderConformance
from nika_core.testing.fault_server import FaultAnswer, ReceivedRequest


def ollama_wire(asked: ReceivedRequest) -> FaultAnswer:
    if asked.method == "GET":
        return FaultAnswer([b'{"models": []}'])
    texts = ['{"answer": ', '"yes"}'] if asked.body.get("format") else ["Hello", " there."]
    parts = [{"model": "m", "message": {"role": "assistant", "content": text}, "done": False} for text in texts]
    end = {**parts[0], "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    counted = {**end, "prompt_eval_count": 11, "eval_count": 7}
    return FaultAnswer([json.dumps(part).encode() + b"\n" for part in (*parts, counted)], "application/x-ndjson")


class TestOllama(ProviderConformance):
    word = "ollama"
    model = "llama3.2:1b"
    wire = staticmethod(ollama_wire)
    scenarios = ("ollama",)

    def environ(self, url: str) -> dict[str, str]:
        return {"OLLAMA_HOST": url, "OLLAMA_API_KEY": self.key}
