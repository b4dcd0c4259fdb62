"""What `nika init` makes, and that it runs at once."""

from pathlib import Path

from nika_core.testing import call_nika


def test_a_new_project_runs_at_once(tmp_path: Path) -> None:
    made = call_nika("init", "--template", "{{cookiecutter.word}}", folder=tmp_path)
    assert "made  {{cookiecutter.word}}.nika.yaml" in made.stdout

    done = call_nika("run", "-i", "message=hello", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "{{cookiecutter.word}}.nika.yaml"
    mine.write_text("tasks: []")
    made = call_nika("init", "--template", "{{cookiecutter.word}}", folder=tmp_path)

    assert "kept  {{cookiecutter.word}}.nika.yaml" in made.stdout
    assert mine.read_text() == "tasks: []"
