"""Strict YAML files of inputs."""

import pytest

from nika_core import codes
from nika_core.document.reading.inputs_file import load_inputs
from nika_core.errors import ProblemsError


def test_a_scalar_is_its_text_until_the_workflow_gives_it_a_type() -> None:
    assert load_inputs("a: 1\nb: true\nc: '2'\nd:\n", "f") == {"a": "1", "b": "true", "c": "2", "d": ""}


def test_plain_scalars_of_a_tree_that_are_exactly_json_have_its_types() -> None:
    text = "\ufeffb: [true, null, 3.10, '7', NO]\nc: {d: 1}\n"
    assert load_inputs(text, "f") == {"b": [True, None, "3.10", "7", "NO"], "c": {"d": 1}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n"])
def test_nothing_is_none(text: str) -> None:
    assert load_inputs(text, "f") in (None, "")


def test_all_that_is_wrong_is_raised_with_places() -> None:
    with pytest.raises(ProblemsError) as caught:
        load_inputs("a: &x 1\nb: *x\na: 2\n", "f")
    assert [(problem.code, str(problem.place)) for problem in caught.value.problems] == [
        (codes.YAML_NOT_STRICT, "f:1:4"),
        (codes.YAML_NOT_STRICT, "f:2:4"),
        (codes.YAML_NOT_STRICT, "f:3:1"),
    ]
