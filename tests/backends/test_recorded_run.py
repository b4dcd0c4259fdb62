"""A run on a backend is told in the form in which history tells those of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.errors import UsageError
from nika_core.testing.backend_checks import EVERYTHING, FAILING, BackendRuns, without_times


@pytest.mark.parametrize("text", [EVERYTHING, FAILING], ids=["everything", "failing"])
def test_a_run_on_a_backend_has_the_same_tasks_states_and_outputs_as_one_of_this_machine(
    inline: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / ".git").mkdir()
    runs = BackendRuns("inline://", tmp_path)
    prepared = runs.prepared(text)
    definition = nika.backends.submission(prepared).definition
    _, events = runs.run_prepared(prepared)
    here = nika.runs.get(runs.here(text).run_id, folder=tmp_path)
    end = {"status": here.status}

    there = nika.backends.as_recorded(definition, events, end)

    def comparable(run: nika.RecordedRun) -> Any:
        return without_times({key: value for key, value in run.json.items() if key not in ("startedAt", "endedAt")})

    assert comparable(there) == comparable(here)
    assert there.ended_at is not None


def test_a_run_without_events_yet_is_running_and_has_no_tasks(inline: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    runs = BackendRuns("inline://", tmp_path)
    definition = nika.backends.submission(runs.prepared(EVERYTHING)).definition
    run = nika.backends.as_recorded(definition, [])
    assert (run.status, run.tasks, run.document) == ("running", (), EVERYTHING)


def test_a_large_output_is_told_by_its_beginning_as_in_history(inline: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    runs = BackendRuns("inline://", tmp_path)
    text = f"name: large\ntasks:\n  - {{id: one, set: {'x' * 100_000}}}\n"
    prepared = runs.prepared(text)
    definition = nika.backends.submission(prepared).definition
    _, events = runs.run_prepared(prepared)
    here = nika.runs.get(runs.here(text).run_id, folder=tmp_path, large_outputs=False)
    there = nika.backends.as_recorded(definition, events, large_outputs=False)
    assert there.json["tasks"][0]["outputStart"] == here.json["tasks"][0]["outputStart"]
    assert nika.backends.as_recorded(definition, events).tasks[0].output == "x" * 100_000


def test_a_run_that_another_version_submitted_is_refused(inline: Path) -> None:
    with pytest.raises(UsageError, match="another version of Nika"):
        nika.backends.as_recorded({"form": 0}, [])
