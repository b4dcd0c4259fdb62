"""What the limit policy does, through the real kernel."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from nika_core.plugin import Admission, Spending, Stage, UsageError
from nika_core.testing import run_workflow

from {{cookiecutter.__package}}.policy import TOTAL_MEASURE, {{cookiecutter.__class}}Policy

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"
ENVIRON = {"PATH": os.environ["PATH"]}
TWO_CALLS = """\
agent: {model: mock, provider: mock, maxTokens: 1000}
tasks:
  - {id: a, llm: Hello}
  - {id: b, llm: "{{cookiecutter._braces}}a}} again"}
"""


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


def test_the_runs_of_a_process_cost_no_more_than_the_total(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").write_text("prices: {mock: {inputPerMillion: 100, outputPerMillion: 100}}")
    environ = ENVIRON | {"NIKA_TRUST": "1", "{{cookiecutter.__variable}}_MAX_TOTAL": "0.15"}

    done = run_workflow(TWO_CALLS, folder=tmp_path, environ=environ)
    assert done.result.status == "succeeded", done.task("b").failure  # both may cost $0.10, and neither did

    refused = run_workflow(TWO_CALLS, folder=tmp_path, environ=environ | {"{{cookiecutter.__variable}}_MAX_TOTAL": "0.05"})
    failure = refused.task("a").failure
    assert failure is not None
    assert "of $0.05 is left" in failure.message


def test_what_is_reserved_counts_until_it_is_settled_and_a_call_counts_once() -> None:
    policy = {{cookiecutter.__class}}Policy()

    def admitted(call: str, cost: str | None) -> bool:
        cost_usd = None if cost is None else Decimal(cost)
        request = Admission(Stage.MODEL, "w", call=call, cost_usd=cost_usd, limits={TOTAL_MEASURE: 1.0})
        return policy.admit(request) is None

    assert admitted("a", "0.7")
    assert not admitted("b", "0.7")
    for _ in range(2):
        policy.settle(Spending(Stage.MODEL, "w", "run", call="a", cost_usd=Decimal("0.3")))
    assert admitted("b", "0.7")
    assert not admitted("c", "0.1")
    policy.settle(Spending(Stage.MODEL, "w", "run", call="b"))  # it was never sent
    assert admitted("c", "0.7")
    assert not admitted("d", None)
