"""Every limit policy and template source that cheats is caught by exactly the check whose rule it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nika_core.plugin import Values
from nika_core.registry import Kind, Registry
from nika_core.testing import NotConformant, description_checks, policy_checks, source_checks
from nika_core.testing.policy_kit import LimitPolicyConformance

POLICIES = {
    "HonestPolicy": set(),
    "Trusting": {"bounds"},
    "Silent": {"bounds"},
    "Negative": {"bounds"},
    "Panicking": {"admission"},
    "Speechless": {"admission"},
    "Counting": {"order"},
    "Waiting": {"quick"},
    "Hanging": {"quick"},
    "Deaf": {"accounts"},
    "Forgetful": {"accounts"},
    "Eager": {"accounts"},
    "Impatient": {"admission"},
    "Vague": {"accounts"},
}
SOURCES = {
    "HonestSource": set(),
    "Careless": {"fails well"},
    "Shouting": {"fails well"},
    "Changing": {"pure"},
    "Looking": {"pure"},
    "Wrong": {"resolves"},
}


def caught(*checks: Callable[[], Any]) -> set[str]:
    found = set()
    for check in checks:
        try:
            check()
        except NotConformant as error:
            print(error)
            found.add(error.rule)
    return found


@pytest.mark.parametrize("word", POLICIES)
def test_a_policy_that_cheats_is_caught_by_the_check_of_the_rule_that_it_breaks(
    word: str, install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("limit_policies")
    if word == "Hanging":
        monkeypatch.setattr(policy_checks, "HANGS_SECONDS", 0.05)
    kit = LimitPolicyConformance()
    kit.word = word  # type: ignore[misc]  # an author's subclass says it
    environs = policy_checks.environs(("CHEAT_MAX_TASKS",))
    few = policy_checks.admissions()[::12]
    assert (
        caught(
            lambda: description_checks.check_description(Kind.LIMIT_POLICY, word),
            lambda: policy_checks.check_bounds(kit.make, environs),
            lambda: policy_checks.check_admit(kit.make, None if word != "Waiting" else few),
            lambda: policy_checks.check_accounts(kit.make),
            lambda: policy_checks.check_order(kit.make, environs, None if word != "Waiting" else few),
            lambda: policy_checks.check_quick(kit.make, environs, few),
        )
        == POLICIES[word]
    )


@pytest.mark.parametrize("word", SOURCES)
def test_a_source_that_cheats_is_caught_by_the_check_of_the_rule_that_it_breaks(
    word: str, install: Callable[[str], None]
) -> None:
    install("template_sources")
    make = lambda: Registry().source(word)  # noqa: E731  # shorter than a function for one line
    values = Values(outputs={"a": {"b": [1]}})
    assert (
        caught(
            lambda: description_checks.check_description(Kind.TEMPLATE_SOURCE, word),
            lambda: source_checks.check_resolves(word, "name", "Ada"),
            lambda: source_checks.check_default(word, "nobody"),
            lambda: source_checks.check_fails_well(make, word, values),
            lambda: source_checks.check_pure(word, ["name"]),
        )
        == SOURCES[word]
    )
