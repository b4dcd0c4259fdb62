"""Did you mean ...?"""

from __future__ import annotations

import pytest

from nika_core.model.nearest import did_you_mean, nearest

NAMES = ["systemPrompt", "maxTurns", "model", "fetch-items", "a"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("systemPromt", "systemPrompt"),
        ("system_prompt", "systemPrompt"),
        ("MAX-TURNS", "maxTurns"),
        ("modle", "model"),
        ("fetch_items", "fetch-items"),
        ("zzzz", None),
        ("", None),
        ("x" * 100, None),
        ("b", None),
    ],
)
def test_the_nearest_name_is_found_and_nothing_far(word: str, expected: str | None):
    assert nearest(word, NAMES) == expected


def test_names_of_any_number_and_length_are_fine():
    assert nearest("task-5x", ["x" * 1000, *(f"task-{i}" for i in range(100_000))]) == "task-5"
    assert nearest("model", ["y" * 61, "model"]) == "model"


def test_the_hint_is_a_question():
    assert did_you_mean("modle", NAMES) == "did you mean `model`?"
    assert did_you_mean("zzzz", NAMES) is None
