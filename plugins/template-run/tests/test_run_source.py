"""`${run.id}`: what is known before a run, and what a value is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from nika_template_run.plugin import nika_template_sources
from nika_template_run.source import RunSource

import nika_core as nika
from nika_core.errors import TemplateValueError
from nika_core.model.template import MISSING, Placeholder
from nika_core.plugin import Scope, Values
from nika_core.testing import Workbench


def placeholder(path: str) -> Placeholder:
    return Placeholder("run", tuple(path.split(".")), MISSING, 0, 0, f"${{run.{path}}}")


def problems(path: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []

    def report(message: str, *, code: str = "", hint: str | None = None) -> None:
        found.append((message, hint))

    RunSource().check(placeholder(path), Scope(), report)
    return found


def test_it_names_no_task():
    (found,) = nika_template_sources()
    assert (found.name, found.optional, found.known_before_run) == ("run", False, False)
    assert tuple(RunSource().depends_on(placeholder("id"))) == ()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("status", "a run has no status before all of its tasks have ended"),
        ("Id", "a run has no 'Id'"),
        ("zzz", "a run has no 'zzz'"),
        ("id.x", "the id of a run is text and has no 'x'"),
    ],
)
def test_what_a_run_does_not_have_is_reported(path: str, message: str):
    assert problems("id") == []
    ((found, hint),) = problems(path)
    assert found == message
    assert hint


def test_a_key_without_a_value_is_missing():
    assert RunSource().resolve(placeholder("id"), Values(run={"id": "r"})) == "r"
    for path in ("id", "status", "scope"):
        with pytest.raises(TemplateValueError):
            RunSource().resolve(placeholder(path), Values(run={"scope": None} if path == "scope" else {}))


def test_a_run_has_an_id_in_payloads_and_in_conditions():
    outcome = Workbench().run("""
        tasks:
          - {id: it, echo: "${run.id}", when: "${run.id} != ''"}
    """)
    assert outcome.output == outcome.result.run_id


WORKFLOW = """
    tasks:
      - {id: write, shell: {command: 'echo "$NAME" > ${run.folder}/note', env: {NAME: Ada}}}
      - {id: read, shell: "cat ${run.folder}/note; true {{write}}"}
"""


def test_tasks_hand_files_on_in_the_folder_of_the_run_which_goes_with_its_history(tmp_path: Path):
    outcome = Workbench(folder=tmp_path, journal=True).run(WORKFLOW)
    assert outcome.output == "Ada"
    folder = tmp_path / ".nika" / "runs" / outcome.result.run_id
    assert (folder / "note").read_text() == "Ada\n"
    nika.runs.remove(outcome.result.run_id, folder=tmp_path)
    assert not folder.exists()


def test_the_folder_of_a_run_without_a_history_goes_with_it(tmp_path: Path):
    outcome = Workbench(folder=tmp_path).run(WORKFLOW + "      - {id: where, echo: '${run.folder} {{read ?? 1}}'}\n")
    folder, _, read = str(outcome.output).partition(" ")
    assert (read, Path(folder).exists()) == ("Ada", False)


def test_no_folder_is_made_that_nothing_asks_for(tmp_path: Path):
    Workbench(folder=tmp_path, journal=True).run('tasks:\n  - {id: it, echo: "${run.id}"}\n')
    assert not (tmp_path / ".nika" / "runs").exists()


def test_a_folder_that_cannot_be_made_fails_the_task_that_asks_for_it(tmp_path: Path):
    (tmp_path / ".nika").mkdir()
    (tmp_path / ".nika" / "runs").write_text("a file")
    failure = Workbench(folder=tmp_path, journal=True).run(WORKFLOW).task("write").failure
    assert failure is not None
    assert (failure.category.value, "cannot be made" in failure.message) == ("template", True)
