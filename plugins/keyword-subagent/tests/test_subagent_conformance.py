from __future__ import annotations

from nika_core.testing import KeywordConformance


class TestSubagent(KeywordConformance):
    word = "subagent"
    payload = {"prompt": "Say something about the sea.", "maxTurns": 3}
