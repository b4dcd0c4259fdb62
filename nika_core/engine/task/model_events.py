"""What is told of a call to a model that was answered."""

from __future__ import annotations

from typing import Any

from nika_core.model.codec import usage_json
from nika_core.plugin import ModelReply


def model_called(reply: ModelReply, seconds: float) -> dict[str, Any]:
    """Return the data of the event `model.called`. `seconds` from the request to the end of the reply."""
    data: dict[str, Any] = {
        "model": reply.model,
        "provider": reply.provider,
        "usage": usage_json(reply.usage),
        "stopReason": reply.stop_reason,
        "durationMs": round(seconds * 1000, 3),
    }
    if reply.reused:
        data["reused"] = True
    if reply.instead_of:
        data["insteadOf"] = list(reply.instead_of)
    return data
