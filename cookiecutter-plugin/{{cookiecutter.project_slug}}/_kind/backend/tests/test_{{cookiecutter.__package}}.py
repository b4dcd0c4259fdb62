"""What the backend does, through the real command line."""

import shutil
from pathlib import Path

from nika_core.testing import call_nika

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"


def test_a_run_on_the_backend_prints_its_output(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)

    done = call_nika("run", "--on", "{{cookiecutter.word}}://", EXAMPLE.name, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "Hello, Ada\n"


def test_a_backend_without_workers_says_so(tmp_path: Path) -> None:
    done = call_nika("worker", "--on", "{{cookiecutter.word}}://", folder=tmp_path)

    assert done.returncode == 2
    assert "this backend has no workers" in done.stderr
