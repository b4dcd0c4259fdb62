"""Ids, and text that is cut to a bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nika_core.model.bounded import bound, why_not_an_id


@pytest.mark.parametrize(
    "text", ["a", "007", "_", "1-a", "2nd", "nullable", "True", "fetch-all_2", "A-b", "_x_", "a" * 100]
)
def test_ids(text: str):
    assert why_not_an_id(text, 100) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be empty"),
        ("-a", "does not start or end with '-'"),
        ("a-", "does not start or end with '-'"),
        *((text, "cannot be a number, true, false or null") for text in ("0", "12", "1e3", "1E-3", "true", "null")),
        ("a b", "ASCII letters"),
        ("größe", "ASCII letters"),
        ("a\n", "ASCII letters"),
        ("a.b", "ASCII letters"),
        ("a" * 101, "at most 100 characters, this one has 101"),
    ],
)
def test_what_is_no_id_says_why(text: str, why: str):
    assert why in (why_not_an_id(text, 100) or "")


def test_a_text_within_its_bound_is_the_same_object():
    text = "größe"
    assert bound(text, 7).text is text
    assert bound(text, None).text is text
    assert not bound(text, 7).truncated


def test_a_cut_text_says_so_in_its_last_line():
    found = bound("x" * 100, 60)
    assert found.text == "x" * 24 + "\n[TRUNCATED: 100 bytes → 60 bytes]"
    assert (found.truncated, found.original_bytes) == (True, 100)


def test_what_was_cut_before_is_told_with_its_first_size():
    found = bound("x" * 40, 60, original_bytes=5000)
    assert found.text.endswith("\n[TRUNCATED: 5000 bytes → 60 bytes]")
    assert found.original_bytes == 5000


@settings(deadline=None)
@given(st.text(), st.integers(0, 120))
def test_no_text_is_longer_than_its_bound_and_none_is_cut_inside_of_a_character(text: str, most: int):
    found = bound(text, most)
    encoded = found.text.encode("utf-8", "surrogatepass")
    size = len(text.encode("utf-8", "surrogatepass"))
    assert len(encoded) <= max(most, 0)
    assert found.truncated == (size > most)
    assert found.original_bytes == size
    if not found.truncated:
        assert found.text == text
    elif "[TRUNCATED" in found.text:
        kept = found.text.rpartition("\n[TRUNCATED")[0]
        plain = text.encode("utf-8", "replace").decode()
        assert plain.startswith(kept)
        assert len(encoded) + 4 > most
