"""`--env-file`: variables for one run, from a file that is named and never from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from nika_core.errors import UsageError
from nika_core.model.env_file import env_variables
from nika_core.testing import call_nika

FLOW = 'tasks:\n  - {id: it, shell: {command: "echo $SHOWN", env: {SHOWN: "${env.GREETING} ${env.OWN}"}}}\n'


def test_a_run_has_the_variables_of_the_file_and_those_of_the_environment_win(tmp_path: Path):
    (tmp_path / "flow.nika.yaml").write_text(FLOW)
    (tmp_path / ".env").write_text("GREETING=hello\nOWN=file\n")
    done = call_nika("run", "flow.nika.yaml", "--env-file", ".env", folder=tmp_path, environ={"OWN": "environment"})
    assert (done.returncode, done.stdout) == (0, "hello environment\n")
    without = call_nika("run", "flow.nika.yaml", folder=tmp_path, environ={"OWN": "environment"})
    assert (without.returncode, "GREETING" in without.stderr) == (2, True)


def test_its_secrets_are_masked(tmp_path: Path):
    (tmp_path / "flow.nika.yaml").write_text('tasks:\n  - {id: it, shell: "echo ${env.API_KEY}"}\n')
    (tmp_path / "keys").write_text("API_KEY='a secret of the file'\n")
    done = call_nika("run", "flow.nika.yaml", "--env-file", "keys", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "***\n")
    assert "a secret of the file" not in done.stderr


def test_every_form_of_a_line():
    text = """
# a comment
A=one
export B = two words # a comment
C='as it is: $A \\n "x" # y'
D="a\\tb \\"c\\" \\\\" # a comment
E=
F=a#b
G= # nothing
"""
    assert env_variables(text, "f") == {
        "A": "one",
        "B": "two words",
        "C": 'as it is: $A \\n "x" # y',
        "D": 'a\tb "c" \\',
        "E": "",
        "F": "a#b",
        "G": "",
    }


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A=1\nnothing\n", 2, "this is not of the form KEY=VALUE"),
        ("1A=1\n", 1, "this is not of the form KEY=VALUE"),
        ("A=1\n\nA=2\n", 3, "A is there twice"),
        ('A="open\n', 1, "the value's quote \" does not end here"),
        ("NIKA_TRUST=1\n", 1, "NIKA_TRUST cannot be set by a file"),
        ("A=a\0b\n", 1, "A has a NUL character"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, message: str):
    with pytest.raises(UsageError, match=message) as refused:
        env_variables(text, "keys")
    assert str(refused.value.place) == f"keys:{line}:1"


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    (tmp_path / "flow.nika.yaml").write_text(FLOW)
    done = call_nika("run", "flow.nika.yaml", "--env-file", "gone", folder=tmp_path)
    assert (done.returncode, "--env-file:" in done.stderr) == (2, True)
