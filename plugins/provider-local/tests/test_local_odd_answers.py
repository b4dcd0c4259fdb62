"""The scenarios of OpenAI's format that apply to a model in this process: those of what is inside a reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.request import Request, urlopen

import pytest
from nika_provider_local.client import Client

from nika_core.testing import Scenario, read_scenarios
from nika_core.testing.scenario_checks import check_scenario


class Library:
    """llama.cpp's library, whose events come from a server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def handle_chat_completions(
        self, body: Mapping[str, Any], receive: Callable[[Mapping[str, Any]], bool]
    ) -> Mapping[str, Any] | None:
        request = Request(f"{self.url}/v1/chat/completions", json.dumps(body).encode())
        with urlopen(request) as response:
            if response.headers["content-type"] == "application/json":
                whole: Mapping[str, Any] = json.load(response)
                return whole
            for line in response:
                text = line.removeprefix(b"data:").strip()
                if text.startswith(b"{") and receive(json.loads(text)):
                    break
        return None


class OddClient(Client):
    """The provider's client with that library."""

    def __init__(self, url: str) -> None:
        super().__init__({})
        self.url = url

    async def connect(self) -> Any:
        return Library(self.url)


def scenarios() -> Iterator[Any]:
    """Those without a status, an encoding, a broken connection, a request with tools or a form only a server has."""
    for scenario in read_scenarios("openai"):
        ((answer, *others),) = scenario.answers.values()
        form = answer.headers.get("content-type")
        plain = answer.status == 200 and answer.then == "go on" and not others
        plain = plain and "content-encoding" not in answer.headers
        events = form == "text/event-stream" and all(b'"' in part for part in answer.parts if b"[DONE]" not in part)
        whole = form == "application/json" and b'"choices":[' in answer.parts[0]
        if scenario.name == "usage-without-an-answer":  # nothing is paid for here
            continue
        if plain and not scenario.request and (events or whole):
            yield pytest.param(scenario, id=scenario.name)


@pytest.mark.parametrize("scenario", list(scenarios()))
async def test_no_odd_answer_is_taken_for_a_good_one(scenario: Scenario) -> None:
    await check_scenario(OddClient, "smollm2-135m", scenario)
