from __future__ import annotations

from nika_core.testing import KeywordConformance


class TestSet(KeywordConformance):
    word = "set"
    payload = {"value": {"name": "Ada", "tags": ["a", 1, None]}}
    secret = {"value": {"token": ["${env.NIKA_CONFORMANCE_TOKEN}"]}}
