"""What the keyword does, through the real kernel."""

from pathlib import Path

from nika_core.testing import run_workflow, validate_workflow

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"


def test_the_example_runs() -> None:
    ran = run_workflow(EXAMPLE.read_text(), inputs={"name": "Ada"})

    assert ran.task("first").output == {"text": "Hello Ada! Hello Ada!", "times": 2}
    assert ran.output == {"text": "Hello Ada! Hello Ada!, said 2 times", "times": 1}


def test_a_number_out_of_bounds_is_reported_where_it_stands() -> None:
    (problem,) = validate_workflow("""\
        tasks:
          - id: first
            {{cookiecutter.word}}:
              text: Hello
              times: 101
        """)

    assert problem.message == "times is 101"
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (5, 14)
