"""What the notifier does, through the real kernel."""

import shutil
from pathlib import Path

from nika_core.testing import call_nika

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"


def run_example(folder: Path, settings: str) -> str:
    """Run the example in a project with these settings, and return the messages."""
    shutil.copy(EXAMPLE, folder)
    (folder / "nika.yaml").write_text("{{cookiecutter.word}}: " + settings)
    done = call_nika("run", EXAMPLE.name, folder=folder, environ={"NIKA_TRUST": str(folder)})
    assert done.returncode == 4  # paused: nobody has answered
    return done.stderr


def test_a_question_is_a_line_with_the_command_that_answers_it(tmp_path: Path) -> None:
    run_example(tmp_path, "{file: questions.txt}")

    assert "approve asks: Release? Answer: nika answer " in (tmp_path / "questions.txt").read_text()


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    messages = run_example(tmp_path, "{file: no/such/folder/questions.txt}")

    assert "has not told of the question of `approve`: questions.txt cannot be written" in messages


def test_a_wrong_setting_is_a_problem_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").write_text("{{cookiecutter.word}}: {fil: questions.txt}")

    shutil.copy(EXAMPLE, tmp_path)
    done = call_nika("validate", EXAMPLE.name, folder=tmp_path)

    assert done.returncode == 2
    assert "unknown key `fil`" in done.stdout
