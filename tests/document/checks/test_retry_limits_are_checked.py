"""Attempts that the limit does not give are told before a run, not found out by counting."""

from __future__ import annotations

from nika_core import codes


def test_more_attempts_than_the_limit_gives_are_warned_of_at_their_place(check):
    text = "tasks:\n  - {id: a, call: x, retry: {max: 4}}\n  - {id: b, call: '{{a}}', retry: {backoff: 1s}}\n"
    assert check(text).problems == ()  # without a limit
    assert check(text, attempts=4).problems == ()
    found = check(text, attempts=3)
    assert [place[:3] for place in found.locator] == [(codes.COUNT_LIMIT, 2, 35)]
    assert found.only.severity == "warning"
    assert "4 attempts, and NIKA_ATTEMPTS allows 3" in found.only.message
    assert found.workflow is not None
