"""What a new user meets in the first hour is said so that the next step is clear."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer.main

from nika_core.cli.program import app

from .conftest import Nika

Write = Callable[[str, str], Path]

ASKS = "agent: {%smodel: mock-small}\ntasks:\n  - {id: ask, llm: hello}\n"


@pytest.mark.parametrize(
    "command", [("runs", "show"), ("resume",), ("why", "a"), ("why",), ("runs", "show", "2026"), ("runs", "watch")]
)
def test_without_runs_a_command_says_so_and_how_to_start_one(nika: Nika, folder: Path, command: tuple[str]) -> None:
    done = nika(*command)

    assert (done.code, done.out) == (2, "")
    assert f"are no runs yet in {folder}" in done.err
    assert "nika run." in done.err
    assert "'last'" not in done.err
    assert not (folder / ".nika").exists()


def test_why_without_a_task_names_the_tasks_of_the_last_run(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: first, set: 1}\n  - {id: second, set: 2}\n")
    nika("run", "w.nika.yaml")
    assert "the last run has: first, second" in nika("why").err


@pytest.mark.parametrize("where", ["project", "workflow"])
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_model_from_the_command_line_that_is_only_played_is_warned_of(
    nika: Nika, write: Write, where: str, command: str
) -> None:
    write("nika.yaml", f"main: w.nika.yaml\n{'provider: mock' if where == 'project' else ''}\n")
    write("w.nika.yaml", ASKS % ("provider: mock, " if where == "workflow" else ""))

    done = nika(command, "-m", "gpt-4o")

    assert done.code == 0
    assert "the provider 'mock' only plays the model 'gpt-4o'" in done.err
    assert "add -p openai" in done.err


@pytest.mark.parametrize("arguments", [(), ("-m", "mock-small"), ("-m", "gpt-4o", "-p", "mock"), ("-m", "x", "--mock")])
def test_a_model_that_is_meant_to_be_played_is_not_warned_of(
    nika: Nika, write: Write, arguments: tuple[str, ...]
) -> None:
    write("nika.yaml", "main: w.nika.yaml\nprovider: mock\n")
    write("w.nika.yaml", ASKS % "")
    assert "only plays" not in nika("run", *arguments).err


def test_every_limit_says_what_it_is_for(nika: Nika) -> None:
    limits = nika("limits", "--format", "json").json["limits"]
    assert {limit["name"]: limit["purpose"] for limit in limits if not limit["purpose"]} == {}
    assert "cost of a team's runs in a day" in nika("limits").out


def test_a_folder_is_validated_with_a_count_at_the_end(nika: Nika, write: Write) -> None:
    write("a.nika.yaml", "tasks:\n  - {id: a, set: 1}\n")
    write("b.nika.yaml", "tasks:\n  - {id: a, sett: 1}\n")
    assert nika("validate", ".").out.splitlines()[-1] == "2 files: 1 invalid"
    assert nika("validate", "a.nika.yaml").out == "✓ a.nika.yaml: valid, 1 task, 0 flows\n"


def test_a_plan_begins_with_the_workflow_and_shows_a_command_once(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "name: greet\ndescription: Says hello.\ntasks:\n  - {id: a, shell: echo hello}\n")
    out = nika("plan", "w.nika.yaml").out
    assert out.splitlines()[0] == "greet: Says hello."
    assert "command: echo hello  (touches process)" in out
    assert out.count("echo hello") == 1


@pytest.mark.parametrize("value", ["@", "@ada"])
def test_a_file_that_is_not_there_says_how_to_give_a_text_that_begins_with_an_at_sign(
    nika: Nika, folder: Path, write: Write, value: str
) -> None:
    write("w.nika.yaml", 'inputs: {x: {type: string}}\ntasks:\n  - {id: a, set: "${input.x}"}\n')
    done = nika("run", "w.nika.yaml", "-i", f"x={value}")
    assert done.code == 2
    given = json.dumps({"x": value})
    assert f"echo '{given}' | nika run --inputs -" in done.err

    (folder / "inputs.json").write_text(given)
    assert nika("run", "w.nika.yaml", "--inputs", "inputs.json").out == f"{value}\n"


def test_a_folder_may_be_named_before_the_command(nika: Nika, write: Write, folder: Path) -> None:
    write("there/w.nika.yaml", "tasks:\n  - {id: a, set: 1}\n")
    assert nika("-C", "there", "run", "w.nika.yaml").out == "1\n"
    assert nika("-C", "there", "runs", "show", "--format", "json").json["workflow"] == "w"
    assert Path.cwd() == folder


def test_every_command_that_ends_by_itself_takes_the_format_json() -> None:
    stay = {"mcp", "ui", "worker", "runs watch"}  # servers, and what needs a terminal
    group = typer.main.get_command(app)
    context = group.make_context("nika", [], resilient_parsing=True)

    def without(command: object, name: str) -> list[str]:
        inside = [
            found
            for word in (command.list_commands(context) if hasattr(command, "list_commands") else ())
            for found in without(command.get_command(context, word), f"{name} {word}".strip())
        ]
        formats = [each.type.choices for each in command.params if "--format" in each.opts]
        own = [name] if name and name not in stay and not any("json" in map(str, each) for each in formats) else []
        return own + inside

    assert without(group, "") == []
