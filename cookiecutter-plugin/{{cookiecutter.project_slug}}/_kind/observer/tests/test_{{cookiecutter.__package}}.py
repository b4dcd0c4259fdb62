"""What the observer does, through the real kernel."""

from pathlib import Path

from nika_core.testing import call_nika


def run_failing(folder: Path, settings: str) -> str:
    """Run a workflow whose task fails in a project with these settings, and return the messages."""
    (folder / "broken.nika.yaml").write_text("tasks:\n  - {id: broken, shell: exit 3}\n")
    (folder / "nika.yaml").write_text("{{cookiecutter.word}}: " + settings)
    done = call_nika("run", "broken.nika.yaml", folder=folder, environ={"NIKA_TRUST": str(folder)})
    assert done.returncode == 1
    return done.stderr


def test_a_failed_task_is_a_line(tmp_path: Path) -> None:
    run_failing(tmp_path, "{file: failures.txt}")

    assert " broken: " in (tmp_path / "failures.txt").read_text()


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    messages = run_failing(tmp_path, "{file: no/such/folder/failures.txt}")

    assert "has not taken note of everything" in messages
    assert "failures.txt cannot be written" in messages


def test_a_wrong_setting_is_a_problem_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").write_text("{{cookiecutter.word}}: {fil: failures.txt}")
    (tmp_path / "plain.nika.yaml").write_text("tasks:\n  - {id: plain, set: done}\n")

    done = call_nika("validate", "plain.nika.yaml", folder=tmp_path)

    assert done.returncode == 2
    assert "unknown key `fil`" in done.stdout
