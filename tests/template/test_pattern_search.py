"""Patterns of JSON Schemas are looked for as Python looks for them, but in a time that is bounded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.template import pattern_search
from nika_core.template.json_check import value_problems

LETTERS = st.sampled_from(
    ["a", "b", "c", "[^a]", "[a-c]", ".", r"\w", r"\b", "^", "$", "(?i:A)", "(?<=a)", "(?!b)", "(?s:.)"]
)
PATTERNS = st.recursive(
    LETTERS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+?", "?", "{2}", "{1,3}"])).map(lambda two: f"({two[0]}){two[1]}")
        | inner.map(lambda one: f"(?={one})")
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.text("abc A\n", max_size=7))
def test_it_finds_what_python_s_own_search_finds(pattern: str, text: str) -> None:
    _, _, follow = pattern_search._known(pattern)
    assert follow is not None
    assert bool(follow(text, set(range(len(text) + 1)))) is (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 5000 + "!"),
        ("^(a|a|aa)*$", "a" * 5000 + "!"),
        (r"(.*)(.*)(.*)(.*)x", "y" * 5000),
        (r"\s+$", " " * 50_000 + "x"),
        ("a?" * 30 + "b" * 30, "a" * 100),
    ],
)
def test_a_pattern_that_would_take_hours_is_looked_for_at_once(pattern: str, text: str) -> None:
    assert not pattern_search.is_in(pattern, text)


def test_a_schema_s_patterns_are_looked_for_so_everywhere() -> None:
    slow = "a" * 60 + "!"
    assert value_problems(slow, {"pattern": "(a+)+$"})
    assert value_problems({slow: 1}, {"patternProperties": {"(a+)+$": {}}, "additionalProperties": False})
    assert not value_problems({"aa": 1}, {"patternProperties": {"(a+)+$": {}}, "additionalProperties": False})
    assert value_problems({"aa": 1}, {"patternProperties": {"(a+)+$": {"type": "string"}}})
