"""What commands print of workflows that are invalid, and what `validate` needs to know of the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Nika = Callable[..., Any]
Write = Callable[[str, str], Path]

BROKEN = """\
agent: {model: mock}
tasks:
  - {id: a, shell: "echo ${env.NOBODY_SETS_THIS}", retry: {max: "${env.NOBODY_SETS_THIS}"}}
  - {id: b, shell: "echo {{nowhere}}"}
"""


def test_validation_without_the_environment_only_leaves_out_that_a_variable_is_not_set(
    nika: Nika, write: Write
) -> None:
    write("w.nika.yaml", BROKEN)
    codes = [
        problem["code"] for problem in nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
    ]
    assert codes == ["NIKA-054", "NIKA-054", "NIKA-050"]
    done = nika("validate", "w.nika.yaml", "--no-env", "--format", "json")
    (problem,) = done.json["files"][0]["problems"]
    assert (problem["code"], problem["line"], done.code) == ("NIKA-050", 4, 2)


def test_validation_without_the_environment_keeps_its_limits(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_ROUNDS", "2")
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: ls, repeat: {until: \"{{a}} == 'x'\", max: 3}}\n")
    done = nika("validate", "w.nika.yaml", "--no-env")
    assert "NIKA_MAX_ROUNDS" in done.out
    assert done.code == 3


@pytest.mark.parametrize(
    ("workflow", "arguments", "count"),
    [(BROKEN, [], 3), ("inputs: {n: {type: int}}\ntasks: [{id: a, shell: ls}]\n", ["-i", "n=x"], 1)],
)
def test_a_plan_of_an_invalid_workflow_prints_its_problems_as_validate_does(
    workflow: str, arguments: list[str], count: int, nika: Nika, write: Write
) -> None:
    write("w.nika.yaml", workflow)
    done = nika("plan", "w.nika.yaml", "--format", "json", *arguments)
    assert done.code == 2
    (file,) = done.json["files"]
    assert (file["path"], file["valid"]) == ("w.nika.yaml", False)
    assert len(file["problems"]) == count
    if not arguments:
        assert done.json == nika("validate", "w.nika.yaml", "--format", "json").json


def test_a_plan_prints_what_is_wrong_with_the_project_file(nika: Nika, write: Write) -> None:
    write("nika.yaml", "main: w.nika.yaml\n  # two keys that nobody knows\nprovidr: mock\nhttp: {alow: [x]}\n")
    write("w.nika.yaml", "tasks: [{id: a, shell: ls}]\n")
    done = nika("plan", "--format", "json")
    assert done.code == 2
    (file,) = done.json["files"]
    assert Path(file["path"]).name == "nika.yaml"
    # The place of an unknown key is the key's, not that of its value.
    assert [(each["line"], each["column"]) for each in file["problems"]] == [(3, 1), (4, 8)]


def test_a_plan_of_nothing_prints_no_json(nika: Nika) -> None:
    done = nika("plan", "--format", "json")
    assert (done.code, done.out) == (2, "")
    assert "which workflow?" in done.err


def test_one_file_that_cannot_be_used_hides_no_other_of_a_folder(nika: Nika, write: Write, tmp_path: Path) -> None:
    write("a/w.nika.yaml", "tasks: [{id: a, shell: ls}]\n")
    write("a/nika.yaml", "")
    write("a/nika.lock", "{")
    tmp_path.joinpath("b.nika.yaml").symlink_to("/nowhere")
    write("c.nika.yaml", "tasks: [{id: a, nothing: ls}]\n")
    done = nika("validate", ".", "--format", "json")
    assert done.code == 2
    files = {Path(each["path"]).name: [problem["code"] for problem in each["problems"]] for each in done.json["files"]}
    assert files == {"nika.lock": ["NIKA-079"], "b.nika.yaml": ["NIKA-003"], "c.nika.yaml": ["NIKA-070"]}
