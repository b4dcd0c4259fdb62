"""What every command has in common: `-C DIR`, a default run or workflow, `-` for standard input, nouns that list."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from .conftest import Nika

ONE = "tasks:\n  - {id: one, set: 1}\n"
TWO = 'inputs: {a: {type: string}}\ntasks:\n  - {id: two, set: "${input.a}"}\n'
COMMANDS = [
    ("run",),
    ("resume",),
    ("validate",),
    ("plan",),
    ("graph",),
    ("runs",),
    ("runs", "list"),
    ("runs", "show"),
    ("plugins",),
    ("plugins", "list"),
    ("providers",),
    ("limits",),
    ("schema",),
]


@pytest.fixture
def project(folder: Path) -> Path:
    """A project with one run, in a folder below the working directory."""
    place = folder / "a project"
    place.mkdir()
    (place / "nika.yaml").write_text("main: one.nika.yaml\n")
    (place / "one.nika.yaml").write_text(ONE)
    return place


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_works_in_the_folder_that_is_named(nika: Nika, project: Path, command: tuple[str, ...]) -> None:
    assert nika("run", "-C", project).code == 0

    done = nika(*command, "-C", project)

    assert done.code == 0, done.err
    assert Path.cwd() == project.parent  # for whoever calls again in this process


def test_a_folder_that_is_not_there_is_reported(nika: Nika, folder: Path) -> None:
    done = nika("runs", "-C", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "-C nowhere: No such file or directory" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("trust", ""), ("init", ""), ("validate", ""), ("migrate", "", "--write"), ("mcp", ""), ("run", "--inputs", "")],
    ids=" ".join,
)
def test_an_empty_path_is_refused_and_is_not_this_folder(
    nika: Nika, project: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(project)
    before = sorted(project.iterdir())

    done = nika(*arguments)

    assert (done.code, done.out) == (2, "")
    assert "the path is empty" in done.err
    assert sorted(project.iterdir()) == before


def test_opening_a_file_tells_whether_it_may_be_read_and_nothing_before(
    nika: Nika, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_, **__: False)  # as Typer asks, whose error has no code and no fix
    assert nika("plan", project / "one.nika.yaml").code == 0


def test_without_a_run_the_last_one_is_shown_and_resumed(nika: Nika, project: Path) -> None:
    nika("run", "-C", project)
    last = nika("run", "-C", project, "--format", "json").json["runId"]

    assert nika("runs", "show", "-C", project, "--format", "json").json["runId"] == last
    assert nika("resume", "-C", project, "--format", "json").json["runId"] == last


def test_without_a_workflow_the_main_one_is_planned_and_drawn(nika: Nika, project: Path) -> None:
    planned = nika("plan", "-C", project).out
    assert "one  set" in planned
    assert "in all: 1 task;" in planned
    assert "one  set" in nika("graph", "-C", project).out
    assert "which workflow?" in nika("graph").err


def test_a_noun_alone_lists(nika: Nika, project: Path) -> None:
    nika("run", "-C", project)
    assert nika("runs", "-C", project).out == nika("runs", "list", "-C", project).out
    assert nika("plugins", "--format", "json").out == nika("plugins", "list", "--format", "json").out


def test_runs_are_listed_by_status_workflow_and_age(nika: Nika, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "bad.nika.yaml").write_text("tasks:\n  - {id: bad, fail: no}\n")
    nika("run", "-C", project)
    nika("run", "-C", project, "bad.nika.yaml")

    def workflows(*options: str) -> list[str]:
        done = nika("runs", "list", "-C", project, "--format", "json", *options)
        return [run["workflow"] for run in done.json["runs"]]

    assert workflows() == ["bad", "one"]
    assert workflows("--status", "failed") == ["bad"]
    assert workflows("--status", "failed", "--status", "succeeded") == ["bad", "one"]
    assert workflows("--workflow", "one") == ["one"]
    assert (workflows("--older-than", "1d"), workflows("--newer-than", "1d")) == ([], ["bad", "one"])
    assert "no run has the status 'odd'" in nika("runs", "list", "--status", "odd").err


def test_several_runs_are_removed_and_one_that_is_unknown_stops_no_other(nika: Nika, project: Path) -> None:
    first, second = (nika("run", "-C", project, "--format", "json").json["runId"] for _ in range(2))

    done = nika("runs", "rm", "-C", project, first, "x", second, "--format", "json")

    assert (done.code, done.json) == (2, {"removed": [first, second]})
    assert "There is no run 'x' here." in done.err
    assert nika("runs", "-C", project, "--format", "json").json == {"runs": []}


def test_old_runs_are_removed_but_not_those_that_go_on(
    nika: Nika, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = nika("run", "-C", project, "--format", "json").json["runId"]
    assert "nothing is as old as that" in nika("runs", "rm", "-C", project, "--older-than", "1d").err

    monkeypatch.setattr("nika_core.api.runs.time", SimpleNamespace(time=lambda: sys.float_info.max))
    assert nika("runs", "rm", "-C", project, "--older-than", "1d", "--format", "json").json == {"removed": [run]}


@pytest.mark.parametrize("arguments", [(), ("last", "--older-than", "1d")])
def test_which_runs_are_removed_has_to_be_said_once(nika: Nika, project: Path, arguments: tuple[str, ...]) -> None:
    done = nika("runs", "rm", *arguments)
    assert (done.code, "which runs?" in done.err) == (2, True)


def test_inputs_and_workflows_are_read_from_standard_input(
    nika: Nika, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "two.nika.yaml").write_text(TWO)
    for data in (b"a: from stdin\n", b'{"a": "from stdin"}'):
        stdin(monkeypatch, data)
        assert nika("run", "two.nika.yaml", "--inputs", "-").out == "from stdin\n"
    stdin(monkeypatch, b"a text")
    assert nika("run", "two.nika.yaml", "-i", "a=@-").out == "a text\n"
    stdin(monkeypatch, TWO.encode())
    assert nika("run", "-", "-i", "a=3").out == "3\n"
    stdin(monkeypatch, TWO.encode())
    assert "two  set" in nika("plan", "-", "-i", "a=3").out


def test_bad_standard_input_is_reported(nika: Nika, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "two.nika.yaml").write_text(TWO)
    stdin(monkeypatch, b"\xff")
    assert "'<stdin>' is not UTF-8" in nika("run", "two.nika.yaml", "-i", "a=@-").err
    stdin(monkeypatch, b"a: 1")
    assert "standard input is taken twice" in nika("run", "two.nika.yaml", "--inputs", "-", "-i", "a=@-").err
    stdin(monkeypatch, b"tasks:\n  - {id: x, sett: 1}")
    done = nika("run", "-")
    assert (done.code, "<text>:2" in done.err) == (2, True)


def test_what_a_plugin_has_cancelled_is_an_error_and_no_traceback(nika: Nika, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(**_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr("nika_core.cli.program.app", cancelled)
    done = nika("run")
    assert done.code == 1
    assert "error[NIKA-089]: CancelledError" in done.err
