"""`nika.runs.payload` and `nika runs show --task`: what a task was given, made again from the history of its run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import nika_core as nika
from nika_core.cli.runs_command import app as runs

INNER = "name: inner\ninputs: {n: {type: int}}\ntasks:\n  - {id: twice, set: '${input.n} ${input.n}'}\n"
TEXT = """\
name: given
inputs: {topic: {default: cats}}
agent: {model: mock-small, provider: mock}
tasks:
  - {id: words, set: {list: [one, two, two]}}
  - {id: plain, set: fixed}
  - {id: each, forEach: "{{words.list}}", set: "${each.item} of ${input.topic}"}
  - {id: after, set: ["{{each.1}}", "{{each}}"]}
  - {id: rounds, repeat: {until: "{{rounds}} == 'x x '", max: 3}, set: "x ${last.output ?? ''}"}
  - {id: fails, shell: "exit 3", onError: {value: stood in}}
  - {id: told, set: "{{fails}}: ${error.fails.code}"}
  - {id: asked, llm: "about {{after.0}}"}
  - {id: heard, set: "{{asked}}"}
  - {id: variable, set: "${env.NIKA_TEST_A ?? 'none'}"}
  - {id: secret, set: "{{plain}} ${env.NIKA_TEST_KEY ?? 'none'}"}
  - {id: needs, set: "{{secret}}"}
  - {id: never, when: "{{plain}} == 'x'", set: 1}
  - {id: inside, forEach: [1, 2], workflow: {use: inner.nika.yaml, with: {n: "${each.item}"}}}
  - {id: sure, ask: "Ship {{each.0}}?"}
flows:
  - {source: plain, target: words}
  - {source: plain, target: rounds}
  - {source: plain, target: fails}
  - {source: plain, target: variable}
  - {source: plain, target: inside}
"""


def with_run(folder: Path) -> Path:
    """Return a folder with a run of every kind of task."""
    (folder / "inner.nika.yaml").write_text(INNER)
    (folder / "w.nika.yaml").write_text(TEXT)
    assert nika.run(folder / "w.nika.yaml").status == "paused"
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a run, which no test changes."""
    return with_run(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a run, to be changed."""
    return with_run(tmp_path)


def payload(folder: Path, task: str, run: str = "last") -> Any:
    given = nika.runs.payload(run, task, folder=folder)
    return given.payload if given.payload is None else next(iter(given.payload.values()))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("plain", "fixed"),
        ("each[2]", "two of cats"),
        ("each.0", "one of cats"),
        ("after", ["two of cats", ["one of cats", "two of cats", "two of cats"]]),
        ("rounds@1", "x "),
        ("rounds@2", "x x "),
        ("told", "stood in: NIKA-080"),
        ("asked", "about two of cats"),
        ("heard", "mock: about two of cats"),
        ("variable", "none"),
        ("inside[1]/twice", "2 2"),
        ("sure", "Ship one of cats?"),
    ],
)
def test_a_task_s_references_are_filled_in_as_in_its_run(shared: Path, task: str, expected: Any) -> None:
    assert payload(shared, task) == expected


@pytest.mark.parametrize(
    ("task", "word"), [("each", "stands for others"), ("inside[0]", "stands for others"), ("never", "has not begun")]
)
def test_what_was_given_nothing_of_its_own_says_so(shared: Path, task: str, word: str) -> None:
    given = nika.runs.payload("last", task, folder=shared)
    assert given.payload is None
    assert word in given.problem


def test_a_task_that_is_not_there_is_an_error_that_names_others(shared: Path) -> None:
    with pytest.raises(nika.UsageError, match="has no task 'afterr'") as found:
        nika.runs.payload("last", "afterr", folder=shared)
    assert found.value.hint == "did you mean after?"


def test_another_value_of_a_variable_is_not_shown_in_place_of_the_one_that_was_given(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_TEST_A", "another")
    given = nika.runs.payload("last", "variable", folder=shared)
    assert (given.payload, "environment variable" in given.problem) == (None, True)
    assert payload(shared, "after") is not None


def test_a_secret_is_masked_and_what_needs_an_output_that_held_one_is_not_made_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_TEST_KEY", "hidden-value")
    nika.run(project / "w.nika.yaml")
    assert payload(project, "secret") == "fixed ***"
    given = nika.runs.payload("last", "needs", folder=project)
    assert (given.payload, "does not have the output of `secret`" in given.problem) == (None, True)


def test_a_workflow_that_was_changed_or_removed_since_changes_nothing(project: Path) -> None:
    (project / "w.nika.yaml").write_text(TEXT.replace("fixed", "other"))
    assert payload(project, "plain") == "fixed"
    (project / "w.nika.yaml").unlink()
    assert payload(project, "after") is not None


def test_an_inner_workflow_that_was_changed_since_is_said(project: Path) -> None:
    (project / "inner.nika.yaml").write_text(INNER.replace("${input.n} ${input.n}", "${input.n}!"))
    given = nika.runs.payload("last", "inside[0]/twice", folder=project)
    assert (given.payload, "a file of the workflow" in given.problem) == (None, True)
    (project / "inner.nika.yaml").unlink()
    given = nika.runs.payload("last", "plain", folder=project)
    assert (given.payload, "cannot be prepared here" in given.problem) == (None, True)


def test_a_resumed_run_shows_what_its_last_life_was_given(project: Path) -> None:
    run = nika.runs.find("last", folder=project)
    (project / "w.nika.yaml").write_text(TEXT.replace("one, two, two", "zero, two, one"))
    nika.resume(run, folder=project)
    assert payload(project, "each[0]", run) == "zero of cats"
    assert payload(project, "each[2]", run) == "one of cats"
    assert payload(project, "after", run) == ["two of cats", ["zero of cats", "two of cats", "one of cats"]]


def test_a_limit_that_is_lower_now_hides_nothing(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_MAX_ITEMS", "2")
    monkeypatch.setenv("NIKA_MAX_CONCURRENT", "1")
    assert payload(shared, "after") is not None


def test_cleanup_of_a_run_that_failed_early_is_told_how_it_ended(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text(
        "name: w\ntasks:\n  - {id: first, set: 1}\n  - {id: bad, shell: 'exit {{first}}'}\n"
        "  - {id: later, set: '{{bad}}'}\n  - {id: clean, always: true, set: '${run.status} ${state.bad}'}\n"
        "flows:\n  - {source: bad, target: clean}\n"
    )
    assert nika.run(tmp_path / "w.nika.yaml", fail_fast=True).status == "failed"
    assert payload(tmp_path, "clean") == "failed failed"


def test_a_run_that_somebody_else_recorded_is_not_made_again(
    shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("elsewhere")))
    given = nika.runs.payload("last", "after", folder=shared)
    assert (given.payload, "not recorded here by you" in given.problem) == (None, True)


def test_the_command_shows_one_task_with_its_payload(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared)
    shown = CliRunner().invoke(runs, ["show", "last", "--task", "each.1"])
    assert "each[1]  set  success" in shown.stdout
    assert "      payload:\n        value: two of cats" in shown.stdout
    found = json.loads(CliRunner().invoke(runs, ["show", "--task", "never", "--format", "json"]).stdout)
    assert (found["state"], "not begun" in found["payloadProblem"]) == ("skipped", True)
