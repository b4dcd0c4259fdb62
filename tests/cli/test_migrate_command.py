"""`nika migrate`, as a user and as CI call it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Nika

V4 = Path(__file__).parents[2] / "plugins/command-migrate/tests/v4"
OLD = "agent: {model: m}\ntasks:\n  - id: a\n    shell: ls\n    cwd: .\n"


@pytest.fixture
def old(folder: Path) -> Path:
    path = folder / "w.nika.yaml"
    path.write_text(OLD)
    return path


def test_the_diff_is_data_and_all_else_is_not(nika: Nika, old: Path) -> None:
    done = nika("migrate", "w.nika.yaml")
    assert done.code == 0
    assert done.out.startswith("--- w.nika.yaml\n+++ w.nika.yaml\n@@")
    assert "1 to migrate" in done.err
    assert old.read_text() == OLD


def test_check_exits_with_1_when_anything_would_change(nika: Nika, old: Path) -> None:
    assert nika("migrate", ".", "--check").code == 1
    assert old.read_text() == OLD
    assert nika("migrate", ".", "--write").code == 0
    assert nika("migrate", ".", "--check").code == 0
    assert (old.parent / "w.nika.yaml.v4.bak").read_text() == OLD


def test_no_backup_is_left_when_none_is_wanted(nika: Nika, old: Path) -> None:
    nika("migrate", old, "--write", "--no-backup")
    assert [path.name for path in old.parent.iterdir()] == ["w.nika.yaml"]


def test_json_says_it_all_in_one_document(nika: Nika, old: Path) -> None:
    old.write_text(OLD + "    allowedTools: [Read]\n")
    found = nika("migrate", ".", "--format", "json").json
    assert found["summary"] == {"migrated": 1}
    (file,) = found["files"]
    assert (file["path"], file["status"], file["changes"], file["written"]) == ("w.nika.yaml", "migrated", True, False)
    assert {note["line"] for note in file["notes"]} == {6}
    assert file["notes"][0].keys() == {"line", "column", "severity", "code", "message", "hint"}


def test_notes_name_file_line_and_mend(nika: Nika, old: Path) -> None:
    old.write_text(OLD.replace("shell: ls", "shell: echo {{b}} {{a}}"))
    done = nika("migrate", old)
    assert "w.nika.yaml:4:17: warning[NIKA-098]: {{b}} names no other task" in done.err
    assert "hint: " in done.err


@pytest.mark.parametrize(
    ("text", "word", "code"),
    [
        ("nika: v1\n", "another lineage", 0),
        ("services: {}\n", "not a workflow of Nika", 0),
        ("name: x\ntasks: [{id: a, shell: ls}]\n", "v5 already", 0),
        (OLD + "    shell: twice\n", "cannot be migrated", 1),
        ("a: [", "cannot be read", 2),
    ],
)
def test_what_is_not_migrated_is_said_to_be_so(nika: Nika, old: Path, text: str, word: str, code: int) -> None:
    old.write_text(text)
    done = nika("migrate", old, "--write")
    assert (done.code, done.out) == (code, "")
    assert word in done.err
    assert old.read_text() == text


@pytest.mark.parametrize(
    "arguments", [(), ("nowhere.nika.yaml",), (".", "--check", "--write"), (".", "--format", "xml")]
)
def test_a_wrong_call_exits_with_2(nika: Nika, arguments: tuple[str, ...]) -> None:
    assert nika("migrate", *arguments).code == 2


def test_an_empty_folder_is_no_error(nika: Nika, folder: Path) -> None:
    done = nika("migrate", folder)
    assert done.code == 0
    assert "no workflow files" in done.err


def test_run_and_validate_name_the_command(nika: Nika, old: Path) -> None:
    old.write_text(OLD + "flows: []\n")  # without `flows` no file is v4 as a whole
    for command in ("run", "validate"):
        done = nika(command, old)
        assert done.code == 2
        assert "nika migrate" in done.out + done.err


def test_a_folder_of_v4_workflows_becomes_one_that_runs(nika: Nika, folder: Path) -> None:
    shutil.copytree(V4, folder / "flows")
    assert nika("migrate", "flows", "--write").code == 1  # some cannot be migrated by themselves

    digest = nika("run", "flows/offline-digest.nika.yaml", "-p", "mock", "--format", "json")
    assert digest.code == 0
    states = {name: task["state"] for name, task in digest.tasks.items()}
    assert states == {
        "list": "success",
        "count": "success",
        "summary": "success",
        "cheer": "success",
        "never": "skipped",
    }
    assert digest.tasks["list"]["output"] == "gamma\nbeta\nalpha"
    assert digest.tasks["count"]["output"] == "3"

    fan = nika("run", "flows/offline-fan.nika.yaml", "-p", "mock", "--format", "json")
    assert fan.code == 0
    assert "one and two" in fan.json["output"]

    failing = nika("run", "flows/offline-failing.nika.yaml", "-p", "mock", "--format", "json")
    assert failing.code == 0, failing.err  # as in v4: what reads the source that failed runs
    assert {name: task["state"] for name, task in failing.tasks.items()} == {
        "broken": "failed",
        "whole": "success",
        "digest": "success",
        "letter": "success",
    }
    assert failing.tasks["digest"]["output"] == "[][whole]"
    assert "Write about  and  and whole" in failing.json["output"]
