"""What the shell completes, which it asks for while somebody types: it is quick, silent and only reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core.registry import Registry

from .conftest import Nika

Complete = Callable[..., list[str]]

WORKFLOW = """\
inputs: {name: {type: string, default: Ada}, size: {type: int, default: 1}}
tasks:
  - {id: greet, set: "hello ${input.name}"}
  - {id: shout, set: "{{greet}}!"}
"""


@pytest.fixture
def complete(nika: Nika, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what bash is told for a line whose last word is being typed; nothing may go to stderr."""

    def complete(*words: str) -> list[str]:
        with monkeypatch.context() as asked:
            asked.setenv("_NIKA_COMPLETE", "complete_bash")
            asked.setenv("COMP_WORDS", " ".join(("nika", *words)))
            asked.setenv("COMP_CWORD", str(len(words)))
            done = nika()
        assert (done.code, done.err) == (0, "")
        return done.out.split()

    return complete


@pytest.fixture
def project(folder: Path) -> Path:
    place = folder / "there"
    place.mkdir()
    (place / "nika.yaml").write_text("main: w.nika.yaml\n")
    (place / "w.nika.yaml").write_text(WORKFLOW)
    return place


def files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_runs_and_their_tasks_are_completed(
    nika: Nika, complete: Complete, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    run = nika("run", "--format", "json").json["runId"]

    assert complete("runs", "show", "") == ["last", run]
    assert complete("resume", run[:6]) == [run]
    assert complete("why", "") == ["last", run, "greet", "shout"]
    assert complete("why", run, "") == ["greet", "shout"]
    assert complete("signal", "last", "sh") == ["shout"]
    assert complete("resume", "last", "--from", "") == ["greet", "shout"]
    (project / "other.nika.yaml").write_text("tasks: [{id: look, set: x}]\n")
    nika("run", "other.nika.yaml")
    assert complete("resume", run, "--from", "") == ["greet", "shout"]


def test_tasks_and_inputs_of_the_workflow_are_completed(
    complete: Complete, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert complete("run", "--only", "") == ["greet", "shout"]
    assert complete("run", "-i", "") == ["name=", "size="]
    assert complete("run", "w.nika.yaml", "-i", "name=x", "-i", "") == ["size="]
    (project / "other.nika.yaml").write_text("inputs: {place: string}\ntasks: [{id: look, set: x}]\n")
    assert complete("run", "other.nika.yaml", "-i", "") == ["place="]
    assert complete("run", "other.nika.yaml", "--only", "") == ["look"]
    assert not (project / ".nika").exists()


def test_codes_providers_and_commands_are_completed(complete: Complete) -> None:
    assert complete("explain", "NIKA-05")[:2] == ["NIKA-050", "NIKA-051"]
    assert {"mock", "openai"} <= set(complete("run", "-p", ""))
    assert complete("run", "-p", "mo") == ["mock"]
    assert complete("ru") == ["run", "runs"]
    assert {"list", "show", "watch"} <= set(complete("runs", ""))
    assert complete("init", "--template", "re") == ["report", "review"]


def test_codes_of_plugins_are_completed_and_no_plugin_is_imported_for_nikas_own(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete("explain", "FAIL") == ["FAIL-001"]
    assert "FAIL-001" in complete("explain", "")

    monkeypatch.setattr(Registry, "keyword", None)
    assert complete("explain", "NIKA-00")[0] == "NIKA-001"


COMMAND = '''
print("imported")
from typing import Annotated
import typer
import nika_core as nika
from nika_core.plugin import Command, hookimpl
NIKA_API = 1
@hookimpl
def nika_commands():
    return [Command(name="tally", app="acme_tally:tally")]
def sizes(context: typer.Context, incomplete: str):
    print("asked")
    return [str(context.obj.project.main), context.obj.folder.name, *context.params["words"], "s" + incomplete]
def broken():
    raise RuntimeError
def tally(
    context: typer.Context,
    run: Annotated[str, typer.Argument(autocompletion=nika.complete_runs)],
    words: Annotated[list[str], typer.Argument(autocompletion=nika.complete_tasks_of_run)],
    size: Annotated[str, typer.Option(autocompletion=sizes)] = "",
    other: Annotated[str, typer.Option(autocompletion=broken)] = "",
) -> None:
    """Count."""
'''


@pytest.mark.parametrize("place", ["here", "there"])
def test_a_command_of_a_plugin_is_completed_by_its_own_functions_and_by_those_of_nika(
    nika: Nika, complete: Complete, project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    info = folder / "acme_tally-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tally\nVersion: 1\nSummary: Counts.\n")
    (info / "entry_points.txt").write_text("[nika.commands]\ntally = acme_tally\n")
    (folder / "acme_tally.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "acme_tally", raising=False)
    named = ("-C", "there") if place == "there" else ()
    if place == "here":
        monkeypatch.chdir(project)
    run = nika("run", *named, "--format", "json").json["runId"]

    assert complete("tal") == ["tally"]
    assert complete(*named, "tally", "--s") == ["--size"]
    assert complete(*named, "tally", "") == ["last", run]
    assert complete(*named, "tally", run, "sh") == ["shout"]
    assert complete(*named, "tally", run, "a", "--size", "") == ["w.nika.yaml", "there", "a", "s"]
    assert complete(*named, "tally", "--other", "") == []


@pytest.mark.parametrize("place", ["before", "after"])
def test_what_is_completed_is_that_of_the_folder_that_is_named(
    nika: Nika, complete: Complete, project: Path, place: str
) -> None:
    run = nika("run", "-C", "there", "--format", "json").json["runId"]
    before, after = (("-C", "there"), ()) if place == "before" else ((), ("-C", "there"))

    assert complete(*before, "runs", "show", *after, "") == ["last", run]
    assert complete(*before, "run", *after, "-i", "") == ["name=", "size="]
    assert Path.cwd() == project.parent


@pytest.mark.parametrize("broken", ["nothing", "nika.yaml", "workflow", "journal", "folder"])
def test_where_nothing_can_be_found_nothing_is_offered_printed_or_created(
    complete: Complete, project: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.chdir(project)
    if broken == "nothing":
        for path in project.iterdir():
            path.unlink()
    elif broken == "journal":
        (project / ".nika").mkdir()
        (project / ".nika" / "journal.db").write_bytes(os.urandom(5000))
        (project / "nika.yaml").unlink()
    elif broken != "folder":
        (project / {"workflow": "w.nika.yaml"}.get(broken, broken)).write_text("tasks: [\n")
    before = files(project)
    named = ("-C", "nowhere") if broken == "folder" else ()

    for words in (("runs", "show"), ("resume", "--from"), ("run", "-i")):
        assert complete(*words, *named, "") == [], words

    assert files(project) == before
