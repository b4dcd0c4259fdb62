"""A run is followed by its history: each event once, in pieces, whoever works on it, and also after it is removed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import nika_core as nika

NIKA = str(Path(sys.executable).with_name("nika"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(followed: nika.FollowedRun) -> list[nika.Event]:
    found: list[nika.Event] = []
    while (part := followed.poll()).events or part.more:
        found += part.events
    return found


def test_events_come_once_and_in_their_order_in_pieces(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(
        'name: many\ntasks:\n  - {id: each, forEach: "${input.of}", set: "${each.item}"}\ninputs: {of: {type: json}}\n'
    )
    result = nika.run("w.nika.yaml", inputs={"of": list(range(900))})
    assert result.status == "succeeded"
    followed = nika.runs.follow("last")
    assert (followed.run_id, followed.workflow, followed.status) == (result.run_id, "many", "succeeded")
    first = followed.poll()
    events = [*first.events, *read(followed)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(event.kind == nika.EventKind.TASK_SUCCEEDED for event in events) == 901
    assert followed.poll() == nika.FollowedPart((), "succeeded")


def test_what_another_process_records_is_read_as_it_happens_and_a_kill_is_an_interruption(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(
        "tasks:\n  - {id: a, set: 1}\n  - {id: b, shell: 'echo {{a}}; sleep 600', timeout: 1h}\n"
    )
    with subprocess.Popen([NIKA, "run", "w.nika.yaml"], cwd=folder, stdout=-3, stderr=-3) as process:
        while not nika.runs.list():
            assert process.poll() is None
        followed, seen = nika.runs.follow("last"), set()
        while ("b", nika.EventKind.TASK_STARTED) not in seen:
            seen |= {(event.task, event.kind) for event in followed.poll().events}
        assert followed.status == "running"
        process.kill()
        process.wait()
    until = time.monotonic() + 60
    while followed.status == "running" and time.monotonic() < until:
        followed.poll()  # what ends the run's processes holds the run until they have ended
    assert followed.status == "interrupted"


def test_a_run_that_is_removed_is_told_to_be(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("tasks:\n  - {id: a, set: 1}\n")
    nika.run("w.nika.yaml")
    followed = nika.runs.follow("last")
    nika.runs.remove("last")
    with pytest.raises(nika.JournalError, match="There is no run"):
        followed.poll()
    assert followed.is_removed
    with pytest.raises(nika.JournalError, match="there are no runs"):
        nika.runs.follow(followed.run_id)
