"""Rules of argument fitting and of references that hold for any value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_function.arguments import BadArgumentError, fit, fitted
from nika_keyword_function.reference import parse

SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | SCALARS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@given(SCALARS)
def test_a_scalar_that_was_typed_too_early_becomes_its_text_again(value: Any) -> None:
    assert fit(value, str) == json.dumps(value)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_numbers_text_becomes_the_number(value: float) -> None:
    assert fit(json.dumps(value), type(value)) == value


@given(JSON)
def test_without_annotations_nothing_is_changed(value: Any) -> None:
    def function(x, *, y=None):  # type: ignore[no-untyped-def]  # that is the point
        """Takes anything."""

    assert fitted(function, {"x": value, "y": value}) == {"x": value, "y": value}


@given(JSON, st.sampled_from([int, float, bool, str, list, dict, list[int], dict[str, int], int | None, Path]))
def test_a_value_fits_or_is_refused_with_a_sentence(value: Any, annotation: Any) -> None:
    def function(x: Any) -> None:
        """Takes what its annotation says."""

    function.__annotations__["x"] = annotation
    try:
        found = fitted(function, {"x": value})["x"]
    except BadArgumentError:
        return
    kind = getattr(annotation, "__origin__", annotation)
    assert isinstance(found, kind)


@given(st.text() | st.from_regex(r"[\w./]*::[\w.]*"))
def test_a_reference_is_understood_or_refused_with_a_sentence(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert found.kind in {"file", "module", "node"}
    assert found.where
    assert found.name


def test_a_signature_that_is_hidden_is_left_alone() -> None:
    assert fitted(dict, {"a": 1}) == {"a": 1}
    with pytest.raises(BadArgumentError, match="'a' is missing"):
        fitted(lambda a: a, {})
