"""`nika runs list`: ages, the newest few, and times that programs can read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import nika_core as nika_api

from .conftest import Nika

Write = Callable[[str, str], Path]
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_last_takes_the_newest_of_those_that_the_filters_leave(nika: Nika, write: Write) -> None:
    for name, task in (("one", "set: 1"), ("two", "fail: no"), ("three", "set: 1")):
        write("w.nika.yaml", f"name: {name}\ntasks:\n  - {{id: a, {task}}}\n")
        nika("run", "w.nika.yaml")
    assert [run["workflow"] for run in nika("runs", "list", "--last", "2", "--format", "json").json["runs"]] == [
        *("three", "two"),
    ]
    good = nika("runs", "list", "--last", "2", "--status", "succeeded", "--format", "json").json["runs"]
    assert [run["workflow"] for run in good] == ["three", "one"]
    assert [run.workflow for run in nika_api.runs.list(last=1)] == ["three"]
    assert nika("runs", "list", "--last", "0").code == 2


def test_runs_that_began_in_the_same_second_are_listed_the_newest_first(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, set: 1}\n")
    for _ in range(6):
        nika("run", "w.nika.yaml")
    listed = [line.split()[0] for line in nika("runs", "list").out.splitlines()[1:]]
    assert listed == [run.run_id for run in nika_api.runs.list()]


def test_the_age_of_a_run_is_shown_as_the_filters_take_it(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, set: 1}\n")
    nika("run", "w.nika.yaml")
    began = nika_api.runs.get("last").started_at
    for later, age in ((5, "5s"), (3 * 60 + 1, "3m"), (5 * 3600 + 1, "5h"), (40 * 86400 + 1, "40d")):
        monkeypatch.setattr("time.time", lambda later=later: began + later + 0.5)
        row = nika("runs", "list").out.splitlines()[1]
        assert age in row.split()


def test_times_are_iso_8601_in_json_and_seconds_in_python(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: sure, ask: 'Is it?'}\n")
    assert nika("run", "w.nika.yaml").code == 4
    nika("answer", "last", "sure", "yes")
    nika("resume", "last")
    (listed,) = nika("runs", "list", "--format", "json").json["runs"]
    shown = nika("runs", "show", "--format", "json").json
    times = [listed["startedAt"], listed["endedAt"], shown["startedAt"], shown["tasks"][0]["answered"]["at"]]
    assert all(ISO.fullmatch(time) for time in times)
    run = nika_api.runs.get("last")
    assert datetime.fromisoformat(shown["startedAt"]).timestamp() == int(run.started_at)
    assert "answered yes (" in nika("runs", "show").out
