"""A journal of schema version 2, which had no signals: it is read, and its runs are gone on with.

`version_2/journal.sql` is the dump of a real one: a run that failed at `stop`, and one that succeeded.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import nika_core as nika
from nika_core.journal.store import VERSION

FILES = Path(__file__).parent / "version_2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nika.yaml").write_text("")
    (tmp_path / "w.nika.yaml").write_text((FILES / "w.nika.yaml").read_text())
    (tmp_path / ".nika").mkdir()
    with closing(sqlite3.connect(tmp_path / ".nika" / "journal.db")) as database:
        database.executescript((FILES / "journal.sql").read_text().replace("FOLDER", str(tmp_path)))
    return tmp_path


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / ".nika" / "journal.db")) as database:
        found: int = database.execute("PRAGMA user_version").fetchone()[0]
    return found


def test_its_runs_are_shown_and_it_is_not_changed_by_that(folder: Path) -> None:
    succeeded, failed = nika.runs.list(folder=folder)
    assert (succeeded.status, failed.status) == ("succeeded", "failed")
    tasks = {task.id: (task.state, task.output) for task in nika.runs.get(failed.run_id, folder=folder).tasks}
    assert tasks["one"] == ("success", "1")
    assert tasks["asked"] == ("success", "mock: say 1")
    assert tasks["stop"][0] == "failed"
    assert tasks["last"][0] == "skipped"
    assert version(folder) == 2


def test_its_runs_are_resumed_and_what_had_been_done_is_not_done_again(folder: Path) -> None:
    _, failed = nika.runs.list(folder=folder)
    (folder / "go").touch()
    with pytest.raises(nika.RefusedError):  # runs had no signature then
        nika.resume(failed.run_id, folder=folder)
    result = nika.resume(failed.run_id, folder=folder, trust_history=True)
    assert result.output == "mock: say 1", [task.failure for task in result.tasks]
    reused = {task.id: task.reused for task in result.tasks}
    assert reused == {"one": True, "asked": True, "stop": False, "last": False}
    assert version(folder) == VERSION


def test_its_runs_are_removed(folder: Path) -> None:
    succeeded, failed = nika.runs.list(folder=folder)
    nika.runs.remove(failed.run_id, folder=folder)
    assert nika.runs.list(folder=folder) == (succeeded,)
    assert version(folder) == VERSION


def test_a_signal_for_one_of_its_runs_is_refused_as_for_any_that_has_ended(folder: Path) -> None:
    _, failed = nika.runs.list(folder=folder)
    with pytest.raises(nika.UsageError, match="has failed: nothing in it waits"):
        nika.signal(failed.run_id, "stop", folder=folder)
