"""What the command does, through the command line."""

import json
from pathlib import Path

from nika_core.testing import call_nika

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"


def test_it_lists_the_tasks_of_a_workflow() -> None:
    done = call_nika("{{cookiecutter.word}}", EXAMPLE)

    assert done.stdout.splitlines() == ["hello: shell", "again: shell"]


def test_its_json_is_one_document() -> None:
    done = call_nika("{{cookiecutter.word}}", EXAMPLE, "--format", "json")

    assert json.loads(done.stdout) == {"hello": "shell", "again": "shell"}


def test_a_workflow_that_is_wrong_is_a_message_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "wrong.nika.yaml"
    path.write_text("tasks: [{id: a}]")
    done = call_nika("{{cookiecutter.word}}", path)

    assert done.returncode == 2
    assert "a task needs a keyword" in done.stderr
