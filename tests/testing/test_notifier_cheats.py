"""Every notifier that cheats is caught by exactly the check whose rule it breaks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nika_core.registry import Kind
from nika_core.testing import NotConformant, description_checks, notifier_checks, settings_checks

NOTIFIERS = {
    "HonestNotifier": set(),
    "Speechless": {"tells", "at once"},
    "Loud": {"quiet"},
    "Fussy": {"any notice"},
    "Lonely": {"at once"},
    "Pretending": {"fails well"},
    "Panicking": {"fails well"},
    "Stubborn": {"cancel"},
    "Blocking": {"blocks"},
    "Leaving": {"leaves"},
    "Lenient": {"settings"},
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


@pytest.mark.parametrize("word", NOTIFIERS)
def test_a_notifier_that_cheats_is_caught_by_the_check_of_the_rule_that_it_breaks(
    word: str, install: Callable[[str], None], tmp_path: Path
) -> None:
    install("notifiers")

    def make(does: str = "tell") -> Any:
        return notifier_checks.make_all(word, {"does": does}, {}, tmp_path)

    assert (
        caught(
            lambda: description_checks.check_description(Kind.NOTIFIER, word),
            lambda: settings_checks.check_strict_settings(word, {"does": "tell"}),
            lambda: notifier_checks.check_tells(make, 5.0),
            lambda: notifier_checks.check_any_notice(make, 5.0),
            lambda: notifier_checks.check_at_once(make, 5.0),
            lambda: notifier_checks.check_leaves_nothing(make, 5.0),
            lambda: notifier_checks.check_reports_failure(partial(make, "fail"), 5.0),
            lambda: notifier_checks.check_cancel(partial(make, "wait")),
        )
        == NOTIFIERS[word]
    )


def test_settings_that_its_own_validator_refuses_are_a_mistake_of_the_sample(
    install: Callable[[str], None], tmp_path: Path
) -> None:
    install("notifiers")
    with pytest.raises(NotConformant, match="it refuses the settings of its sample: unknown key `dose`"):
        notifier_checks.make_all("HonestNotifier", {"dose": "tell"}, {}, tmp_path)
