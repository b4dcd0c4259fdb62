"""Calls that wait for a server's small limits say so, at once and in the failure of a task that runs out of time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nika_core.testing import RawServer

from .conftest import Nika, Write

FLOW = """\
agent: {model: m, provider: openai, maxTokens: 64}
tasks:
  - {id: first, llm: Is anybody there?}
  - {id: second, llm: Is anybody there?, timeout: 1s, retry: {max: 1}}
flows:
  - {source: first, target: second}
"""
CAUSE = "the server allows about 20 requests a minute"


@pytest.fixture
def small(write: Write, monkeypatch: pytest.MonkeyPatch) -> Callable[[RawServer], None]:
    def use(server: RawServer) -> None:
        write("nika.yaml", "governor: false\n")  # each run keeps to the limits by itself
        write("small.nika.yaml", FLOW)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        choices = [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]
        rates = {"limit": "20", "remaining": "0", "reset": "60s"}
        server.status(
            200,
            {"id": "c", "object": "chat.completion", "model": "m", "choices": choices},
            **{f"x_ratelimit_{name}_requests": value for name, value in rates.items()},
        )

    return use


def test_a_wait_for_a_small_limit_is_told_and_named_by_the_timeout(
    nika: Nika, small: Callable[[RawServer], None]
) -> None:
    with RawServer() as server:
        small(server)
        done = nika("run", "small.nika.yaml", "--format", "jsonl")
        assert [request.method for request in server.requests].count("POST") == 1
    notices = [event["data"]["message"] for event in done.events("notice") if event["task"] == "second"]
    assert len(notices) == 1
    assert CAUSE in notices[0]
    (failed,) = done.events("task.failed")
    message = "`llm` did not end within 1 s (a call to 'm' still waited to be sent: "
    assert failed["data"]["error"]["message"] == f"{message}{CAUSE})"


def test_the_summary_and_the_report_have_it(nika: Nika, small: Callable[[RawServer], None]) -> None:
    with RawServer() as server:
        small(server)
        shown = nika("run", "small.nika.yaml")
        reported = nika("run", "small.nika.yaml", "--format", "json")
    assert CAUSE in shown.out + shown.err
    assert "have to wait" in shown.out + shown.err
    assert CAUSE in reported.tasks["second"]["error"]["message"]
