"""`nika init`: the first minute of a new user."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nika_core import trust_status

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


def test_the_installed_templates_are_listed(nika: Nika, folder: Path) -> None:
    listed = nika("init", "--list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["agent", "hello", "report", "review", "triage"]
    assert nika("init", "--list", "--format", "json").json["templates"][1] == {
        "name": "hello",
        "summary": "Greets someone: the first steps.",
        "distribution": "nika-project-starters",
    }
    assert list(folder.iterdir()) == []


def test_a_template_that_is_not_there_makes_nothing(nika: Nika, folder: Path) -> None:
    done = nika("init", "--template", "reviw")
    assert done.code == 2
    assert "no installed plugin offers the project template 'reviw'" in done.err
    assert "did you mean 'review'?" in done.err
    assert list(folder.iterdir()) == []


PLUGIN = """
from nika_core.plugin import ProjectTemplate, hookimpl
NIKA_API = 1
@hookimpl
def nika_project_templates():
    return [ProjectTemplate(name="desk", summary="Sorts.", files="acme_desk:files")]
def files():
    return FILES
FILES = {"nika.yaml": "main: flows/desk.nika.yaml", "flows/desk.nika.yaml": "tasks: [{id: a, set: hi}]"}
"""


@pytest.fixture
def install(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], None]]:
    """Install a distribution with the project template `desk`, whose files a test may replace."""
    site = tmp_path_factory.mktemp("site")
    info = site / "acme_desk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-desk\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.project_templates]\ndesk = acme_desk\n")
    monkeypatch.syspath_prepend(site)
    yield lambda files: (site / "acme_desk.py").write_text(PLUGIN + files + "\n") and None
    sys.modules.pop("acme_desk", None)


def test_a_template_of_a_plugin_is_made_as_one_of_nika(
    nika: Nika, folder: Path, install: Callable[[str], None]
) -> None:
    install("")
    assert "desk    Sorts." in nika("init", "--list").out

    made = nika("init", "new", "--template", "desk")

    assert (made.code, made.out.splitlines()[:2]) == (0, ["made  new/nika.yaml", "made  new/flows/desk.nika.yaml"])
    assert ".nika/" in (folder / "new/.gitignore").read_text()
    assert trust_status(folder=folder / "new").trusted
    assert nika("run", "-C", "new").out == "hi\n"
    assert "form: nika init --template desk" in nika("plugins", "show", "desk").out


def test_a_template_that_a_list_blocks_is_not_imported(
    nika: Nika, folder: Path, install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("raise SystemExit('imported')")
    monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "project_templates:desk")

    done = nika("init", "--template", "desk")

    assert done.code == 3
    assert "the project template 'desk' of acme-desk 1.0 may not be used" in done.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ("FILES = ['desk.nika.yaml']", "returns list from `files`, not texts by their paths"),
        ("FILES['../up.txt'] = ''", "has a file '../up.txt', which is not a path in a project"),
        ("FILES['/etc/up.txt'] = ''", "has a file '/etc/up.txt'"),
        ("FILES['.nika/journal.db'] = ''", "has a file '.nika/journal.db'"),
        ("FILES['up'] = b''", "has a file 'up' that is bytes, not text"),
        ("FILES = {'a.txt': ''}", "has neither desk.nika.yaml nor nika.yaml, so there is nothing to run"),
        ("def files(): 1 / 0", "cannot make acme_desk:files: ZeroDivisionError"),
    ],
)
def test_a_template_whose_files_cannot_be_a_project_makes_nothing(
    nika: Nika, folder: Path, install: Callable[[str], None], files: str, says: str
) -> None:
    install(files)
    done = nika("init", "--template", "desk")
    assert done.code == 2
    assert "the plugin for 'desk' (acme-desk 1.0)" in done.err
    assert says in done.err
    assert list(folder.iterdir()) == []


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


def test_a_broken_project_file_that_may_say_which_plugins_to_use_is_reported_first(nika: Nika, folder: Path) -> None:
    (folder / "nika.yaml").write_text("main: [\n")
    done = nika("init")
    assert done.code == 2
    assert "nika.yaml:2:1: error" in done.err
    assert [path.name for path in folder.iterdir()] == ["nika.yaml"]


def test_a_file_in_the_way_is_a_clear_error(nika: Nika, folder: Path) -> None:
    (folder / "taken").write_text("")
    done = nika("init", "taken")
    assert done.code == 2
    assert "taken" in done.err
    assert "hint" in done.err
