"""Does the plugin keep what the interface promises?"""

from __future__ import annotations

from nika_core.testing import KeywordConformance


class TestGate(KeywordConformance):
    word = "ask"
    payload = {"message": "Go on?", "show": {"text": "this"}}
    answer = True


class TestForm(KeywordConformance):
    word = "ask"
    payload = {"message": "Where?", "form": {"target": {"type": "string"}, "count": {"type": "int", "default": "3"}}}
    answer = {"target": "staging"}
