"""What the provider does, through the real kernel."""

from decimal import Decimal
from pathlib import Path

from nika_core.testing import run_workflow

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"


def test_the_example_runs_and_is_paid_for() -> None:
    ran = run_workflow(EXAMPLE.read_text(), inputs={"name": "Ada"})

    assert ran.output == "Say hello to Ada"
    assert ran.result.usage.output_tokens == 4
    assert ran.result.usage.cost_usd > Decimal(0)
