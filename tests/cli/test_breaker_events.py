"""That a model's circuit breaker opens, is tried and closes again is in the history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

FAILED = {"error": {"category": "provider", "message": "down"}}


def test_each_change_of_a_breaker_is_an_event(
    nika: Nika, write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", "script.json")
    monkeypatch.setenv("NIKA_BREAKER_FAILURES", "2")
    monkeypatch.setenv("NIKA_BREAKER_SUCCESSES", "1")
    monkeypatch.setenv("NIKA_BREAKER_COOLDOWN", "0.001")
    write("script.json", json.dumps([FAILED, FAILED, {"text": "back"}]))
    write(
        "w.nika.yaml",
        """\
        agent: {provider: mock, model: mock}
        tasks:
          - {id: a, llm: Hello, retry: {max: 3, backoff: 50ms}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    events = [json.loads(line) for line in done.out.splitlines()]
    changes = [event["data"] for event in events if event["event"] == "breaker.changed"]
    assert [(each["before"], each["state"]) for each in changes] == [
        ("closed", "open"),
        ("open", "halfOpen"),
        ("halfOpen", "closed"),
    ]
    assert {(each["provider"], each["model"]) for each in changes} == {("mock", "mock")}
