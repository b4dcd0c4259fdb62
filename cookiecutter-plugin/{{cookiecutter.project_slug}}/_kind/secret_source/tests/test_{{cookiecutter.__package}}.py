"""What the secret source does, through the real kernel."""

import json
import shutil
from pathlib import Path

from nika_core.testing import call_nika

EXAMPLE = Path(__file__).parents[1] / "examples" / "{{cookiecutter.word}}.nika.yaml"


def test_a_task_is_given_the_secret_and_its_output_is_masked(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "secrets.json").write_text(json.dumps({"deploy_token": "s3cret-value"}))
    environ = {"{{cookiecutter.__variable}}_FILE_PATH": str(tmp_path / "secrets.json")}

    done = call_nika("run", EXAMPLE.name, folder=tmp_path, environ=environ)

    assert done.returncode == 0
    assert done.stdout == "Bearer ***\n"


def test_a_secret_that_nobody_has_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "secrets.json").write_text("{}")
    environ = {"{{cookiecutter.__variable}}_FILE_PATH": str(tmp_path / "secrets.json")}

    done = call_nika("run", EXAMPLE.name, folder=tmp_path, environ=environ)

    assert done.returncode == 1
    assert "no secret source has it" in done.stderr
    assert "secrets.json" in done.stderr
