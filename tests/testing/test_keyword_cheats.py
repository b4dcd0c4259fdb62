"""Every cheat is caught by exactly the check whose rule it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nika_core.registry import Kind
from nika_core.testing import Case, NotConformant, description_checks, keyword_checks


@pytest.fixture(autouse=True)
def _installed(install: Callable[[str], None]) -> None:
    install("keywords")


CHEATS = {
    "honest": None,
    "misnamed": "declared",
    "nowhere": "declared",
    "undocumented": "declared",
    "pointless": "declared",
    "absent": "declared",
    "hidden-fields": "declared",
    "synchronous": "declared",
    "untemplated": "declared",
    "heavy": "light",
    "sluggish": "light",
    "loud": "quiet import",
    "lax": "unknown keys",
    "failing": "runs",
    "swallowing": "cancellation",
    "leaving-processes": "cancellation",
    "leaving-sockets": "cancellation",
    "leaving-files": "cancellation",
    "blocking": "timeout",
    "greedy": "bounded output",
    "structured": "mock",
    "unknowing": "mock",
    "leaking": "secrets",
    "noting": "secrets",
    "printing": "quiet",
    "keeping-context": "leftovers",
    "leaving-tasks": "leftovers",
    "leaving-timers": "leftovers",
    "grouping": None,
    "calling": "facets",
    "writing": "facets",
    "reading": "facets",
    "starting": "facets",
    "wavering": "facets",
    "dawdling": "facets",
    "confused": "facets",
    "rambling": "facets",
    "spoiling": "facets",
}
QUICK = ("declared", "light", "quiet import", "unknown keys", "runs", "facets", "mock", "secrets", "quiet", "leftovers")


def checks(word: str) -> dict[str, Callable[[], Any]]:
    case = Case(word=word, payload={"text": "hello"})
    slow = Case(word=word, payload={"text": "hello", "slow": "true"})
    large = {"text": "hello", "large": "true"}
    return {
        "declared": lambda: description_checks.check_description(Kind.KEYWORD, word),
        "light": lambda: description_checks.check_light_import(Kind.KEYWORD, word),
        "quiet import": lambda: description_checks.check_quiet_import(Kind.KEYWORD, word),
        "unknown keys": lambda: keyword_checks.check_refuses_unknown_keys(case),
        "runs": lambda: keyword_checks.check_runs(case),
        "cancellation": lambda: keyword_checks.check_cancellation(slow),
        "timeout": lambda: keyword_checks.check_timeout(slow),
        "bounded output": lambda: keyword_checks.check_output_bounded(case, large),
        "facets": lambda: keyword_checks.check_facets(case),
        "mock": lambda: keyword_checks.check_mock(case, keyword_checks.check_runs(case).output, has_like=True),
        "secrets": lambda: keyword_checks.check_secrets(case),
        "quiet": lambda: keyword_checks.check_quiet(case),
        "leftovers": lambda: keyword_checks.check_leftovers(case),
    }


def caught(word: str, names: tuple[str, ...]) -> set[str]:
    found = set()
    for name in names:
        try:
            checks(word)[name]()
        except NotConformant as error:
            found.add(error.rule)
            print(error)
    return found


@pytest.mark.parametrize("word", CHEATS)
def test_a_keyword_that_cheats_is_caught_by_the_check_of_the_rule_that_it_breaks(word: str) -> None:
    rule = CHEATS[word]
    if rule is None:
        assert caught(word, tuple(checks(word))) == set()
        return
    with pytest.raises(NotConformant) as found:
        checks(word)[rule]()
    assert found.value.rule == rule


@pytest.mark.parametrize("word", ["undocumented", "lax", "loud", "structured", "leaking", "printing", "wavering"])
def test_a_keyword_that_cheats_is_caught_by_no_other_check(word: str) -> None:
    assert caught(word, tuple(name for name in QUICK if name != CHEATS[word])) == set()


def test_who_blocks_but_stops_when_told_to_is_only_late() -> None:
    assert caught("blocking", ("cancellation", "runs")) == set()


def test_who_swallows_its_cancellation_still_fails_as_a_timeout() -> None:
    assert caught("swallowing", ("timeout", "runs")) == set()
