"""Every observer that cheats is caught by exactly the check whose rule it breaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nika_core.registry import Kind
from nika_core.testing import NotConformant, description_checks, observer_checks, settings_checks

OBSERVERS = {
    "HonestObserver": set(),
    "Blind": {"observes"},
    "Talking": {"quiet"},
    "Trusting": {"any event"},
    "Impatient": {"many events"},
    "Silent": {"fails well"},
    "Alarmed": {"fails well"},
    "Lingering": {"leaves"},
    "Generous": {"settings"},
}


def caught(*checks: Callable[[], Any]) -> set[str]:
    rules = set()
    for check in checks:
        try:
            check()
        except NotConformant as error:
            print(error)
            rules.add(error.rule)
    return rules


@pytest.mark.parametrize("word", OBSERVERS)
def test_an_observer_that_cheats_is_caught_by_the_check_of_the_rule_that_it_breaks(
    word: str, install: Callable[[str], None], tmp_path: Path
) -> None:
    install("observers")

    def make(does: str = "note") -> Any:
        return observer_checks.make_observer(word, {"does": does}, {}, tmp_path)

    assert (
        caught(
            lambda: description_checks.check_description(Kind.OBSERVER, word),
            lambda: settings_checks.check_strict_settings(word, {"does": "note"}),
            lambda: observer_checks.check_observes(make),
            lambda: observer_checks.check_any_event(make),
            lambda: observer_checks.check_many_events(make),
            lambda: observer_checks.check_leaves_no_thread(make),
            lambda: observer_checks.check_failure(partial(make, "fail")),
        )
        == OBSERVERS[word]
    )
