"""One damaged row hides no other, a damaged schema is told before a run begins, and no link is followed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import nika_core as nika
from nika_core import codes
from nika_core.api.running import open_resumed
from nika_core.errors import JournalError, NikaError
from nika_core.journal import Journal, RecordedSignal, RunInfo
from nika_core.journal.store import VERSION
from nika_core.model.events import Event, EventKind

DOCUMENT = "tasks: [{id: a, shell: echo hi}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A history of the runs `first`, `second` and `third`."""
    path = tmp_path / "w.nika.yaml"
    path.write_text(DOCUMENT)
    with Journal.open(tmp_path) as journal:
        for run in ("first", "second", "third"):
            log = journal.begin(RunInfo("w", str(path), DOCUMENT, started=1.7e9), run)
            log.record([Event(1, run, 1.7e9, EventKind.TASK_STARTED, "a", {"attempt": 1})])
            log.put("k", "c", "reply")
            log.release()
    return tmp_path


def change(folder: Path, script: str) -> None:
    with closing(sqlite3.connect(folder / ".nika" / "journal.db")) as database:
        database.executescript(f"PRAGMA synchronous=OFF; {script}")
        database.commit()


SECOND = "WHERE number = 2"
EVENTS = "WHERE id >> 32 = 2"
ROWS = {
    **{
        f"{column} = {value[:30]}": f"UPDATE runs SET {column} = {value} {SECOND}"
        for column in ("workflow", "started", "ended", "status", "info", "summary", "document", "blob")
        for value in ("x'ff00'", "CAST(x'ff' AS TEXT)", "9e999", "'[1]'", "'{\"usage\": 5}'")
    },
    **{
        f"paused, events {value}": f"UPDATE runs SET status = 'paused' {SECOND};"
        f" UPDATE events SET events = {value} {EVENTS}"
        for value in (
            "'x'",
            "x'ff'",
            "7",
            "'[]'",
            "'[7]'",
            "'[[1, 2, 3]]'",
            "'[[\"1\", 2, \"task.waiting\", 3, {}]]'",
            "'[[1, 2, \"task.waiting\", \"a\", [1]]]'",
            "'[[1, 2, \"task.waiting\", \"a\", {\"about\": 7, \"key\": []}]]'",
            "'[[1, 2, \"task.waiting\", \"a\", {\"about\": {\"kind\": \"question\"}, \"key\": \"x\"}]]'",
            "'[[1, 1e300, \"task.succeeded\", \"a\", {\"output\": {}, \"usage\": 5}]]'",
            "'[[1, 2, \"task.failed\", \"a\", {\"error\": \"x\", \"failure\": 7}]]'",
        )
    },
    "an id that is not text": f"UPDATE runs SET id = x'ff00' {SECOND}",
    "an id that is a path": f"UPDATE runs SET id = '../../x', status = 'running' {SECOND}",
    "a memo that is not JSON": "UPDATE memo SET value = '{' WHERE run = 2",
}  # fmt: skip


def test_one_damaged_row_hides_no_other(folder: Path) -> None:
    """In one process: what a row can hold is a long table."""
    path = folder / ".nika" / "journal.db"
    change(folder, "PRAGMA journal_mode=DELETE")
    before = path.read_bytes()
    for name, script in ROWS.items():
        path.write_bytes(before)
        change(folder, script)
        found = nika.runs.list(folder=folder)
        assert [run.run_id for run in found][::2] == ["third", "first"], name
        assert [run.status for run in found][::2] == ["interrupted", "interrupted"], name
        for run in ("first", "last"):
            assert nika.runs.get(run, folder=folder).status == "interrupted", name
        for touch in (
            lambda: nika.runs.get("second", folder=folder),
            lambda: nika.runs.questions(folder=folder),
            lambda: nika.runs.signal("second", "a", 1, folder=folder),
            lambda: open_resumed("second", folder=folder, trust_history=True),
        ):
            error = _error_of(touch)
            assert error is None or (error.code != codes.INTERNAL and error.hint), name


def _error_of(touch: Callable[[], object]) -> NikaError | None:
    try:
        touch()
    except NikaError as error:
        return error
    return None


def test_a_damaged_run_is_listed_as_that_and_can_be_removed(folder: Path) -> None:
    change(folder, f"UPDATE runs SET info = 'x' {SECOND}")
    with Journal.open(folder) as journal:
        assert [run.status for run in journal.runs()] == ["interrupted", "damaged", "interrupted"]
        with pytest.raises(JournalError, match="The history of the run 'second'") as caught:
            journal.load("second")
        assert "nika runs rm second" in (caught.value.hint or "")
        assert journal.remove("second") == "second"
        assert [run.id for run in journal.runs()] == ["third", "first"]
    assert nika.runs.list(status=["damaged"], folder=folder) == ()


def test_a_damaged_signal_counts_as_never_sent_and_hides_no_other(folder: Path) -> None:
    with Journal.open(folder) as journal:
        for key in ("one", "two"):
            assert journal.add_signal("second", RecordedSignal("a", key, 1, "ada", 1.7e9)) is None
        change(folder, "UPDATE signals SET payload = '{' WHERE key = 'one'")
        assert [signal.key for signal in journal.signals("second")] == ["two"]
        log = journal.resume("second")
        assert [signal.key for signal in log.signals({"a": ("two", "a")})] == ["two"]
        log.release()
        assert journal.add_signal("second", RecordedSignal("a", "one", 2, "ada", 1.7e9)) is None


SCHEMAS = {
    **{f"without {table}": f"DROP TABLE {table}" for table in ("runs", "events", "memo", "signals")},
    "a column has another name": "ALTER TABLE runs RENAME COLUMN info TO inf",
    "a column is gone": "ALTER TABLE memo DROP COLUMN value",
    "a column more": "ALTER TABLE runs ADD COLUMN more TEXT DEFAULT 'x'",
    "a view in place of a table": "DROP TABLE events; CREATE VIEW events AS SELECT 1",
    "a trigger that never ends": "CREATE TRIGGER t AFTER INSERT ON runs BEGIN INSERT INTO memo WITH RECURSIVE r(x) AS "
    "(SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT x, x, x, x, NULL FROM r; END",
    "an index that computes": "CREATE INDEX i ON runs (length(id || workflow))",
    "a version of before the first": "PRAGMA user_version=0",
    "a version below zero": "PRAGMA user_version=-1",
    "a version that it is not": "PRAGMA user_version=1",
    "another program's": "PRAGMA application_id=1",
}


def assert_told(folder: Path, code: str) -> None:
    """Nothing is read, nothing is written, and the error says what to do; a run goes on without a history."""
    with Journal.open(folder) as journal:
        for touch in (journal.runs, lambda: journal.load("first"), lambda: journal.begin(RunInfo("w", "w", ""))):
            with pytest.raises(JournalError) as caught:
                touch()
            assert caught.value.code == code
            assert "away" in (caught.value.hint or "") or "remove it" in caught.value.message


@pytest.mark.parametrize("script", SCHEMAS.values(), ids=SCHEMAS)
def test_a_damaged_schema_is_told_before_a_run_begins(folder: Path, script: str) -> None:
    change(folder, script)
    assert_told(folder, codes.JOURNAL_CORRUPT)


async def test_a_damaged_schema_stops_no_new_run_and_the_warning_says_what_to_do(folder: Path) -> None:
    change(folder, "DROP TABLE events")
    execution = nika.start(nika.prepare(folder / "w.nika.yaml"))
    result = await execution.run()
    assert (result.status, result.output) == ("succeeded", "hi")
    (warning,) = execution.warnings
    assert "its tables are not those of Nika" in warning
    assert "Move" in warning


def outside(folder: Path) -> Path:
    path = folder.parent / f"{folder.name}-outside"
    path.mkdir()
    return path


LINKED: dict[str, Callable[[Path], Path]] = {
    name: (lambda folder, name=name: folder / ".nika" / name)  # type: ignore[misc]  # mypy sees no default
    for name in ("journal.db", "journal.db-wal", "blobs", "locks", "runs")
} | {".nika": lambda folder: folder / ".nika"}


@pytest.mark.parametrize("name", LINKED)
def test_no_link_in_the_folder_of_the_history_is_followed(folder: Path, name: str) -> None:
    path, elsewhere = LINKED[name](folder), outside(folder)
    target = elsewhere / "target"
    if path.exists():
        path.rename(target)
    elif name == "runs":
        target.mkdir()
    else:
        target.write_bytes(b"")
    path.symlink_to(target)
    before = sorted((each, each.stat().st_mtime_ns) for each in (elsewhere, *elsewhere.rglob("*")))
    assert_told(folder, codes.JOURNAL_UNAVAILABLE)
    with pytest.raises(JournalError):
        Journal.open(folder).remove("first")
    assert sorted((each, each.stat().st_mtime_ns) for each in (elsewhere, *elsewhere.rglob("*"))) == before


def test_a_run_s_folder_that_is_a_link_is_not_used(folder: Path) -> None:
    elsewhere = outside(folder)
    (folder / "w.nika.yaml").write_text("tasks: [{id: a, shell: 'touch ${run.folder}/x'}]\n")
    (folder / ".nika" / "runs").mkdir()
    (folder / ".nika" / "runs" / "first").symlink_to(elsewhere)
    result = nika.resume("first", folder=folder, trust_history=True)
    assert result.status == "failed"
    assert "is a link" in result.tasks[0].error.message
    assert os.listdir(elsewhere) == []


def test_the_tables_that_are_made_are_those_that_are_expected(folder: Path) -> None:
    with closing(sqlite3.connect(folder / ".nika" / "journal.db")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    with Journal.open(folder) as journal:
        assert len(journal.runs()) == 3
