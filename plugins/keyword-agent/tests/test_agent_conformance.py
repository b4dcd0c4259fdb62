from __future__ import annotations

from nika_core.testing import KeywordConformance


class TestAgent(KeywordConformance):
    word = "agent"
    payload = {"prompt": "Say something about the sea.", "maxTurns": 3}
