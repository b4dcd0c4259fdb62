from __future__ import annotations

import pytest
from nika_provider_openai.client import Client

from nika_core.testing import ProviderConformance, Scenario, read_scenarios
from nika_core.testing.scenario_checks import check_scenario


class TestOpenAI(ProviderConformance):
    word = "openai"
    model = "gpt-4o"

    def environ(self, url: str) -> dict[str, str]:
        return {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": self.key}


class TestOpenAIThatReasons(TestOpenAI):
    model = "gpt-5"
    scenarios = ()  # the same client has played them


RESPONSES = read_scenarios("openai-responses")


@pytest.mark.parametrize("scenario", RESPONSES, ids=[scenario.name for scenario in RESPONSES])
async def test_no_odd_answer_of_the_responses_api_is_taken_for_a_good_one(scenario: Scenario) -> None:
    def make(url: str) -> Client:
        return Client({"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": TestOpenAI.key}, {"api": "responses"})

    await check_scenario(make, "gpt-4o", scenario, (TestOpenAI.key,))
