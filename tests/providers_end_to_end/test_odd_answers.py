"""What the kernel makes of the odd answers that are shipped: nothing bad is an answer, nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nika_core.testing import Scenario, ScenarioServer, read_scenarios, run_workflow

MODELS = {"openai": "m", "claude": "claude-sonnet-5", "ollama": "m"}
LOCAL = {"NO_PROXY": "127.0.0.1"}
GOOD = ("end", "toolUse")


def environ(provider: str, url: str) -> dict[str, str]:
    address = {"openai": {"OPENAI_BASE_URL": f"{url}/v1"}, "claude": {"ANTHROPIC_BASE_URL": url}}
    return {**address.get(provider, {"OLLAMA_HOST": url}), **LOCAL}


def cases() -> Iterator[Any]:
    for provider in MODELS:
        for scenario in read_scenarios(provider):
            if not scenario.request and "retryAfter" not in scenario.outcome.get("error", {}):
                yield pytest.param(provider, scenario, id=f"{provider}-{scenario.name}")


@pytest.mark.parametrize(("provider", "scenario"), list(cases()))
def test_only_a_good_answer_is_the_tasks_output(provider: str, scenario: Scenario) -> None:
    with ScenarioServer(scenario) as server:
        ran = run_workflow(
            f"""\
            agent: {{model: {MODELS[provider]}, provider: {provider}, maxTokens: 64}}
            tasks:
              - id: ask
                llm: Is anybody there?
                retry: {{max: 3, backoff: 1ms}}
            """,
            environ=environ(provider, server.url),
        )
        asked = sum(request.method == "POST" and "count_tokens" not in request.path for request in server.requests)
        server.complaints.clear()
    task, outcome = ran.task("ask"), scenario.outcome
    error = outcome.get("error")
    if error is None and outcome.get("stop", "end") in GOOD:
        assert (task.failure, ran.output) == (None, outcome.get("text", ran.output))
        assert asked == outcome.get("requests", asked)
        return
    assert task.failure is not None, ran.output
    if error is None:  # the reply ended badly: what has been paid for is not asked for again
        assert asked == 1 or not outcome.get("text", "paid")
        assert outcome["stop"] in task.failure.message or outcome["stop"] in ("maxTokens", "refusal")
    elif error.get("retriable") is False:
        assert asked == 1
    assert str((error or {}).get("says", "")) in task.failure.message
