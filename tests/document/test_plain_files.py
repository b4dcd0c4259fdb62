"""Strict YAML without a schema."""

import pytest

from nika_core import codes
from nika_core.document.plain import load_plain
from nika_core.errors import ProblemsError


def test_plain_scalars_that_are_exactly_json_have_its_types() -> None:
    text = "\ufeffa: 1\nb: [true, null, 3.10, '7', NO]\nc: {d: x}\n"
    assert load_plain(text, "f") == {"a": 1, "b": [True, None, "3.10", "7", "NO"], "c": {"d": "x"}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n"])
def test_nothing_is_none(text: str) -> None:
    assert load_plain(text, "f") in (None, "")


def test_all_that_is_wrong_is_raised_with_places() -> None:
    with pytest.raises(ProblemsError) as caught:
        load_plain("a: &x 1\nb: *x\na: 2\n", "f")
    assert [(problem.code, str(problem.place)) for problem in caught.value.problems] == [
        (codes.YAML_NOT_STRICT, "f:1:4"),
        (codes.YAML_NOT_STRICT, "f:2:4"),
        (codes.YAML_NOT_STRICT, "f:3:1"),
    ]
