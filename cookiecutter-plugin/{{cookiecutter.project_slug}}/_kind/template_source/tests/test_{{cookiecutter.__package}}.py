"""What the template source does, through the real kernel."""

import os
from pathlib import Path

from nika_core.testing import run_workflow, validate_workflow

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"
ENVIRON = {"PATH": os.environ["PATH"], "{{cookiecutter.__variable}}_PLACE": '{"name": "Paris"}'}


def test_the_example_runs() -> None:
    ran = run_workflow(EXAMPLE.read_text(), environ=ENVIRON)

    assert ran.output == "Paris, at 09:00"


def test_a_variable_that_is_not_set_is_found_before_anything_runs() -> None:
    (problem,) = validate_workflow(EXAMPLE.read_text(), environ={"PATH": os.environ["PATH"]})

    assert "the variable {{cookiecutter.__variable}}_PLACE is not set" in problem.message
    assert problem.place is not None
    assert problem.place.line == 7
