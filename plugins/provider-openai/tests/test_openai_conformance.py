from __future__ import annotations

from nika_core.testing import ProviderConformance


class TestOpenAI(ProviderConformance):
    word = "openai"
    model = "gpt-4o"

    def environ(self, url: str) -> dict[str, str]:
        return {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": self.key}


class TestOpenAIThatReasons(TestOpenAI):
    model = "gpt-5"
    scenarios = ()  # the same client has played them
