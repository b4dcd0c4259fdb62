from __future__ import annotations

from nika_core.testing import KeywordConformance


class TestLlm(KeywordConformance):
    word = "llm"
    payload = {"prompt": "Say something about the sea."}
