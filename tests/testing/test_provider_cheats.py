"""Every provider that cheats is caught by exactly the check whose rule it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nika_core.testing import FaultServer, NotConformant, ProviderConformance, ability_checks, provider_checks

KEY = "sk-cheat-0123456789"
CHEATS = {
    "honest": None,
    "hoarding": "streams",
    "endless": "streams",
    "countless": "counts",
    "guessing": "counts",
    "asking": "counts",
    "pricing": "abilities",
    "billing": "counts",
    "accepting": "declared",
    "keeping": "closes",
    "mislabelling": "faults",
    "raising": "faults",
    "telling": "faults",
    "hiding": "faults",
    "insisting": "faults",
    "alarming": "faults",
    "boasting": "abilities",
    "claiming": "abilities",
    "chattering": "abilities",
    "eager": "info",
    "renaming": "info",
    "thinking": None,
    "effortless": "abilities",
    "forgetful": "abilities",
    "blabbing": "abilities",
    "seeing": None,
    "blind": "abilities",
    "imagining": "abilities",
    "caching": None,
    "wishless": "abilities",
    "discreet": "abilities",
    "boundless": "info",
    "restless": "abilities",
}
BROKEN = {"endless": {"counts", "faults", "closes", "abilities"}}  # without an end, little else can be seen


def caught(word: str, server: FaultServer) -> set[str]:
    def environ(url: str) -> dict[str, str]:
        return {"CHEAT_URL": url, "CHEAT_API_KEY": KEY}

    kit = ProviderConformance()
    kit.word = word  # type: ignore[misc]  # an author's subclass says it
    kit.environ = environ  # type: ignore[method-assign]  # ditto

    def make() -> Any:
        return kit.make(server.url)

    def nobody() -> Any:
        return kit.make("http://127.0.0.1:9")

    checks: list[Callable[[], Any]] = [
        lambda: ability_checks.check_option_names(word),
        lambda: provider_checks.check_info(word, "m", environ(server.url)),
        lambda: provider_checks.check_describes(make(), "m"),
        lambda: asyncio.run(provider_checks.check_streams(make, "m", server)),
        lambda: asyncio.run(provider_checks.check_counts(make, "m", server)),
        lambda: asyncio.run(provider_checks.check_closes(make, "m", server)),
        lambda: asyncio.run(provider_checks.check_faults(make, "m", server, (KEY,))),
        lambda: asyncio.run(provider_checks.check_unreachable(nobody, "m")),
        lambda: asyncio.run(ability_checks.check_abilities(make, "m", server)),
    ]
    found = set()
    for check in checks:
        try:
            check()
        except NotConformant as error:
            print(error)
            found.add(error.rule)
    return found


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # cheats that leave connections open are what is tested here
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("word", CHEATS)
def test_a_provider_that_cheats_is_caught_by_the_check_of_the_rule_that_it_breaks(
    word: str, install: Callable[[str], None]
) -> None:
    install("providers")
    rule = CHEATS[word]
    with FaultServer() as server:
        found = caught(word, server)
    assert found - BROKEN.get(word, set()) == ({rule} if rule else set())
