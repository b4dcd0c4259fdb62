"""What the limit policy does, through the real kernel."""

import os
from pathlib import Path

import pytest
from nika_core.plugin import UsageError
from nika_core.testing import run_workflow

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"
ENVIRON = {"PATH": os.environ["PATH"]}


def test_the_example_runs_with_an_allowed_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("{{cookiecutter.__variable}}_MODELS", "other-*, mock")

    assert run_workflow(EXAMPLE.read_text(), environ=ENVIRON).output == "mock: Hello"


def test_a_model_that_is_not_on_the_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("{{cookiecutter.__variable}}_MODELS", "other-*")

    failure = run_workflow(EXAMPLE.read_text(), environ=ENVIRON).task("hello").failure

    assert failure is not None
    assert failure.message == "the model 'mock' may not be used here"
    assert failure.hint == "allowed are: other-*"


def test_a_malformed_amount_is_an_error_that_names_the_variable() -> None:
    with pytest.raises(UsageError, match="{{cookiecutter.__variable}}_MAX_COST is 'much'"):
        run_workflow(EXAMPLE.read_text(), environ=ENVIRON | {"{{cookiecutter.__variable}}_MAX_COST": "much"})
