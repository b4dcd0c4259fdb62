"""`nika init`: the first minute of a new user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nika_core.errors import UsageError
from nika_core.scaffold.project import TEMPLATES, make_project

from .conftest import Nika


def test_a_new_project_runs_at_once_and_is_valid(nika: Nika, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = nika("init", "first steps")
    assert done.code == 0
    assert "next: cd 'first steps' && nika run" in done.err

    monkeypatch.chdir(folder / "first steps")
    assert nika("validate", ".").code == 0
    run = nika("run", "--format", "json", "-i", "name=Ada")
    assert run.code == 0
    assert {name: task["keyword"] for name, task in run.tasks.items()} == {
        "greet": "llm", "count": "shell", "praise": "llm"
    }  # fmt: skip
    assert "Ada" in run.json["output"]


@pytest.mark.parametrize("template", ["review", "triage", "report", "agent"])
def test_a_template_is_valid_runs_offline_and_becomes_real_with_two_edits(
    nika: Nika, folder: Path, monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    assert nika("init", "--template", template).code == 0

    checked = nika("validate", ".")
    assert (checked.code, checked.err) == (0, "")
    assert nika("run", "--format", "json").json["status"] == "succeeded"

    project = folder / "nika.yaml"
    text = project.read_text()
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    project.write_text(
        text.replace("provider: mock ", "provider: claude ").replace("model: mock-small ", "model: claude-sonnet-5 ")
    )
    planned = nika("plan")
    assert (planned.code, planned.err) == (0, "")
    assert "touches model: claude-sonnet-5" in planned.out
    assert "mock" not in planned.out


def test_the_templates_of_the_command_line_are_those_there_are(nika: Nika, folder: Path) -> None:
    (option,) = [each for each in nika("init", "--help").out.splitlines() if "--template" in each]
    assert "|".join(TEMPLATES) in option
    with pytest.raises(UsageError, match="there is no template 'x'"):
        make_project(folder, template="x")


def test_the_condition_of_the_first_workflow_can_be_false(
    nika: Nika, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nika("init")
    monkeypatch.setenv("NIKA_MOCK_SCRIPT", str(folder / "script.json"))
    (folder / "script.json").write_text('[{"text": "Hi", "times": null}]')
    run = nika("run", "--format", "json")
    assert run.code == 0
    assert run.tasks["praise"]["skipReason"] == "condition"


def test_editors_find_the_schema(nika: Nika, folder: Path) -> None:
    nika("init")
    settings = json.loads((folder / ".vscode/settings.json").read_text())
    files = {
        tuple(files): json.loads((folder / schema).read_text()) for schema, files in settings["yaml.schemas"].items()
    }
    assert "tasks" in files["*.nika.yaml", "*.nika.yml"]["properties"]
    assert "main" in files["nika.yaml",]["properties"]


def test_nothing_is_overwritten_and_what_was_kept_is_said(nika: Nika, folder: Path) -> None:
    (folder / "nika.yaml").write_text("main: mine.nika.yaml\n")
    (folder / ".gitignore").write_text("mine\n")
    done = nika("init", ".")
    assert done.code == 0
    assert "kept  nika.yaml" in done.out
    assert "made  hello.nika.yaml" in done.out
    assert ".nika/" in done.err
    assert (folder / "nika.yaml").read_text() == "main: mine.nika.yaml\n"
    assert (folder / ".gitignore").read_text() == "mine\n"


def test_a_broken_project_file_only_costs_the_schema(nika: Nika, folder: Path) -> None:
    (folder / "nika.yaml").write_text("main: [\n")
    done = nika("init")
    assert done.code == 0
    assert "no JSON Schema" in done.err
    assert not (folder / ".vscode").exists()


def test_a_file_in_the_way_is_a_clear_error(nika: Nika, folder: Path) -> None:
    (folder / "taken").write_text("")
    done = nika("init", "taken")
    assert done.code == 2
    assert "taken" in done.err
    assert "hint" in done.err
