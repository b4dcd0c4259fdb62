"""Killed processes, full disks, damaged and foreign files, many processes at once: a clear word, and nothing lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.errors import JournalError
from nika_core.journal import Journal, RunInfo
from nika_core.journal.blobs import LARGE
from nika_core.journal.store import RUN_SHIFT, Store
from nika_core.model.events import Event, EventKind

START = """
import asyncio, os, signal, sys, time
from pathlib import Path
from nika_core.journal import Journal, RunInfo
from nika_core.model.events import Event, EventKind

folder, run_id = Path(sys.argv[1]), sys.argv[2]
info = RunInfo("w", "w.nika.yaml", "tasks: []", started=time.time())

def event(seq, **data):
    return Event(seq, run_id, float(seq), EventKind.TASK_SUCCEEDED, f"t{seq}", data)

def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def start(folder: Path, run_id: str, body: str) -> subprocess.Popen[str]:
    code = START + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), run_id], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def info() -> RunInfo:
    return RunInfo("w", "w.nika.yaml", "tasks: []", started=1.7e9)


def event(seq: int, **data: object) -> Event:
    return Event(seq, "r", float(seq), EventKind.TASK_SUCCEEDED, f"t{seq}", data)


def old_run(folder: Path) -> str:
    with Journal.open(folder) as journal:
        log = journal.begin(info(), "20200101-000000-000000")
        for seq in range(1, 200):
            log.record([event(seq, output="x" * 500)])
        log.release()
    return log.run_id


# ---- killed


@pytest.mark.parametrize("after", [0, 1, 2, 7, 30])
def test_what_was_durable_survives_kill_9_and_the_run_can_be_resumed(tmp_path: Path, after: int) -> None:
    body = """
    async def main():
        log = Journal.open(folder).begin(info, run_id)
        print("begun", flush=True)
        for seq in range(1, 10_000):
            log.record([event(seq)])
            log.record([event(seq + 100_000)])
            await log.barrier()
            print(seq, flush=True)
    asyncio.run(main())
    """
    process = start(tmp_path, "r-1", body)
    assert process.stdout is not None
    for _ in range(after + 1):
        assert process.stdout.readline()
    process.kill()
    process.communicate(timeout=120)
    with Journal.open(tmp_path) as journal:
        assert journal.runs()[0].status == "interrupted"
        found = [each.seq for each in journal.load("r-1").events]
        assert len(found) >= 2 * after
        whole = [seq for n in range(1, len(found)) for seq in (n, n + 100_000)]
        assert found == whole[: len(found)]
        log = journal.resume("r-1")
        log.record([event(7)])
        log.release()
    with Journal.open(tmp_path) as journal:
        assert [each.seq for each in journal.load("r-1").events] == [*found, 7]


@pytest.mark.parametrize(
    ("point", "kept"),
    [("before the commit", 1), ("after the commit", 2), ("after the blob", 1), ("without a barrier", 1)],
)
def test_a_group_is_there_whole_or_not_at_all_wherever_the_kill_falls(tmp_path: Path, point: str, kept: int) -> None:
    body = f"""
    import nika_core.journal.writer as writer, nika_core.journal.blobs as blobs
    point, armed = {point!r}, False
    commit, put = writer.commit, blobs.Blobs.put

    def committing(*args):
        if armed and point == "before the commit": die()
        commit(*args)
        if armed and point == "after the commit": die()

    def putting(self, content):
        name = put(self, content)
        if armed and point == "after the blob": die()
        return name

    writer.commit, blobs.Blobs.put = committing, putting

    async def main():
        global armed
        log = Journal.open(folder).begin(info, run_id)
        log.record([event(1)])
        await log.barrier()
        armed = True
        log.record([event(2, output="x" * {LARGE + 1})])
        log.put("k", "c", "reply")
        if point == "without a barrier": die()
        await log.barrier()
    asyncio.run(main())
    """
    process = start(tmp_path, "r-1", body)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    with Journal.open(tmp_path) as journal:
        found = journal.load("r-1")
        assert [each.seq for each in found.events] == [1, 2][:kept]
        assert len(found.memo) == kept - 1
        journal.remove("r-1")


def test_a_run_of_another_living_process_is_neither_resumed_nor_removed(tmp_path: Path) -> None:
    body = """
    log = Journal.open(folder).begin(info, run_id)
    print("begun", flush=True)
    sys.stdin.read()
    """
    code = START + textwrap.dedent(body)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "r-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    with Journal.open(tmp_path) as journal:
        assert journal.runs()[0].status == "running"
        for touch in (journal.resume, journal.remove):
            with pytest.raises(JournalError, match=f"by process {process.pid}") as caught:
                touch("r-1")
            assert caught.value.code == codes.RUN_IS_LIVE
        process.kill()
        process.communicate(timeout=120)
        assert journal.runs()[0].status == "interrupted"
        journal.resume("r-1").release()


# ---- many at once


def test_processes_that_begin_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    body = """
    async def main():
        with Journal.open(folder) as journal:
            log = journal.begin(info, run_id)
            for seq in range(1, 101):
                log.record([event(seq, output="x" * (70_000 if seq % 25 == 0 else 10))])
                await log.barrier()
            await log.finish("succeeded", time.time())
    asyncio.run(main())
    """
    processes = [start(tmp_path, f"r-{number}", body) for number in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with Journal.open(tmp_path) as journal:
        assert sorted(run.id for run in journal.runs()) == ["r-0", "r-1", "r-2", "r-3"]
        for run in journal.runs():
            found = journal.load(run.id)
            assert run.status == "succeeded"
            assert [each.seq for each in found.events] == list(range(1, 101))
            assert len(found.events[99].data["output"]) == 70_000


def test_a_run_is_removed_while_another_one_writes_the_same_large_values(tmp_path: Path) -> None:
    body = """
    async def main():
        with Journal.open(folder) as journal:
            log = journal.begin(info, run_id)
            print("begun", flush=True)
            for seq in range(1, 41):
                log.record([event(seq, output=str(seq % 5) * 70_000)])
                await log.barrier()
            await log.finish("succeeded", time.time())
    asyncio.run(main())
    """
    with Journal.open(tmp_path) as journal:
        for number in range(20):
            log = journal.begin(info(), f"old-{number:02}")
            log.record([event(1, output=str(number % 5) * 70_000)])
            log.release()
        process = start(tmp_path, "new", body)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        for number in range(20):
            journal.remove(f"old-{number:02}")
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert [each.data["output"][0] for each in journal.load("new").events] == [str(n % 5) for n in range(1, 41)]


@pytest.mark.parametrize("what", ["remove", "resume"])
def test_a_run_is_removed_or_resumed_while_this_process_has_a_large_value_to_write(tmp_path: Path, what: str) -> None:
    body = f"""
    with Journal.open(folder) as journal:
        journal.begin(info, "old").release()
        log = journal.begin(info, run_id)
        log.record([event(1, output="x" * 70_000)])
        journal.{what}("old")
        log.release()
    """
    process = start(tmp_path, "new", body)
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert errors == ""
    assert len(Journal.open(tmp_path).load("new").events) == 1


# ---- what cannot be written


async def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room_again(tmp_path: Path) -> None:
    old = old_run(tmp_path)
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info())
        assert journal._writer is not None
        database = journal._writer._connection
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={pages + 5}")
        log.put("k", "c", "reply")
        for seq in range(1, 301):
            log.record([event(seq, output="y" * 1000)])
        for _ in range(2):
            with pytest.raises(JournalError, match="cannot be written: the disk is full") as caught:
                await log.barrier()
            assert caught.value.code == codes.JOURNAL_UNAVAILABLE
            assert "--no-journal" in (caught.value.hint or "")
        assert log.get("k", "c") == "reply"
        assert len(journal.load(old).events) == 199  # older runs stay readable
        database.execute("PRAGMA max_page_count=100000")
        await log.barrier()
        await log.finish("succeeded", 1.7e9)
        assert len(journal.load(log.run_id).events) == 300


async def test_a_journal_that_cannot_be_written_to_the_end_says_so_when_it_is_closed(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    log = journal.begin(info())
    assert journal._writer is not None
    thread = journal._writer._thread
    journal._writer._connection.execute("PRAGMA query_only=ON")
    log.record([event(1)])
    with pytest.raises(JournalError, match="it is read-only"):
        await log.finish("succeeded", 1.7e9)
    with pytest.raises(JournalError, match="it is read-only"):
        journal.close()
    assert not thread.is_alive()
    assert Journal.open(tmp_path).runs()[0].status == "interrupted"


def test_a_file_size_limit_of_the_system_is_told_and_not_a_traceback(tmp_path: Path) -> None:
    body = """
    import resource
    from nika_core.errors import JournalError
    async def main():
        journal = Journal.open(folder)
        log = journal.begin(info, run_id)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        told = []
        for size in (1000, 300_000):
            for seq in range(400):
                log.record([event(seq + size, output="x" * size)]) if seq == 0 or size == 1000 else None
            try:
                await log.barrier()
            except JournalError as error:
                told.append(error.message)
        print(len(told), all("cannot be written" in each for each in told), flush=True)
        log.release()
        os._exit(0)
    asyncio.run(main())
    """
    process = start(tmp_path, "r-1", body)
    output, errors = process.communicate(timeout=60)
    assert (output, errors) == ("2 True\n", "")


@pytest.mark.parametrize("place", ["a file", "/proc"])
def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, place: str) -> None:
    folder = Path("/proc") if place == "/proc" else tmp_path
    if place == "a file":
        (tmp_path / ".nika").write_text("in the way")
    with Journal.open(folder) as journal, pytest.raises(JournalError, match="cannot be created") as caught:
        journal.begin(info())
    assert caught.value.code == codes.JOURNAL_UNAVAILABLE
    assert "--no-journal" in (caught.value.hint or "")


def test_a_journal_in_a_folder_that_is_read_only_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_run(tmp_path)
    tried: list[str] = []
    connect = Store._connect

    def refusing(self: Store, mode: str) -> sqlite3.Connection:
        tried.append(mode)
        if "immutable" not in mode:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return connect(self, mode)

    monkeypatch.setattr(Store, "_connect", refusing)
    assert len(Journal.open(tmp_path).load("2020").events) == 199
    assert tried[:3] == ["mode=rw", "mode=ro", "mode=ro&immutable=1"]
    with Journal.open(tmp_path) as journal, pytest.raises(JournalError, match="cannot be written"):  # it is there
        journal.begin(info())


def test_a_history_that_may_not_be_looked_for_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / ".nika").symlink_to(".nika")  # as a folder without permission, also for root
    journal = Journal.open(tmp_path)
    with pytest.raises(JournalError, match="cannot be read"):
        journal.runs()
    assert journal.exists
    assert not Journal.open(tmp_path / "elsewhere").exists


# ---- damaged and foreign files


@pytest.mark.parametrize("damage", ["text", "another program's", "half of it"])
def test_a_damaged_or_foreign_journal_is_told_with_what_to_do(tmp_path: Path, damage: str) -> None:
    old_run(tmp_path)
    path = tmp_path / ".nika" / "journal.db"
    if damage == "text":
        path.write_text("this is not a database, but it is long enough to be looked at " * 20)
    elif damage == "half of it":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE bookmarks (url TEXT)")
        database.close()
    with Journal.open(tmp_path) as journal:
        for touch in (journal.runs, lambda: journal.load("2020"), lambda: journal.begin(info())):
            with pytest.raises(JournalError) as caught:
                touch()
            assert caught.value.code == codes.JOURNAL_CORRUPT
            assert str(path) in caught.value.message
            assert "away" in (caught.value.hint or "")


@pytest.mark.parametrize("damaged", ["[[1,2", "[[1,2,3]]", "7"])
def test_a_damaged_row_is_told_and_other_runs_can_be_read(tmp_path: Path, damaged: str) -> None:
    old_run(tmp_path)
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info(), "hurt")
        log.record([event(1)])
        log.release()
    with sqlite3.connect(tmp_path / ".nika" / "journal.db") as database:
        database.execute("UPDATE events SET events = ? WHERE id = (SELECT max(id) FROM events)", (damaged,))
    database.close()
    with Journal.open(tmp_path) as journal:
        with pytest.raises(JournalError, match=r"The history of the run 'hurt' in .* is damaged") as caught:
            journal.load("hurt")
        assert caught.value.code == codes.JOURNAL_CORRUPT
        assert len(journal.load("2020").events) == 199


@pytest.mark.parametrize("begun", ["an empty file", "no tables yet"])
def test_a_journal_whose_maker_was_killed_is_an_empty_one(tmp_path: Path, begun: str) -> None:
    path = tmp_path / ".nika" / "journal.db"
    path.parent.mkdir()
    path.touch()
    if begun == "no tables yet":
        database = sqlite3.connect(path)
        database.execute("PRAGMA journal_mode=WAL")
        database.close()
    with Journal.open(tmp_path) as journal:
        assert list(journal.runs()) == []
        with pytest.raises(JournalError) as caught:
            journal.load("2020")
        assert caught.value.code == codes.UNKNOWN_RUN
        journal.begin(info()).release()
        assert len(list(journal.runs())) == 1


def test_a_damaged_page_is_told_when_it_is_read(tmp_path: Path) -> None:
    old_run(tmp_path)
    path = tmp_path / ".nika" / "journal.db"
    content = bytearray(path.read_bytes())
    content[4096 * 10 :] = b"\xff" * (len(content) - 4096 * 10)
    path.write_bytes(content)
    with Journal.open(tmp_path) as journal, pytest.raises(JournalError) as caught:
        journal.load("2020")
    assert caught.value.code == codes.JOURNAL_CORRUPT


def test_a_journal_of_a_newer_nika_is_left_alone(tmp_path: Path) -> None:
    old_run(tmp_path)
    path = tmp_path / ".nika" / "journal.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    before = path.read_bytes()
    with Journal.open(tmp_path) as journal:
        for touch in (journal.runs, lambda: journal.begin(info())):
            with pytest.raises(JournalError, match=r"newer Nika \(its version is 99, this one knows 5\)") as caught:
                touch()
            assert caught.value.code == codes.JOURNAL_NEWER
    assert path.read_bytes() == before


EVENTS_OF_VERSION_1 = """
DROP TABLE signals;
ALTER TABLE runs DROP COLUMN tasks;
DROP TABLE events;
CREATE TABLE events (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, task TEXT,
    data TEXT, blob TEXT);
CREATE INDEX events_blob ON events (blob) WHERE blob IS NOT NULL;
PRAGMA user_version=1;
"""


def as_version_1(folder: Path) -> tuple[Event, ...]:
    """The events of the only run, which are now written as Nika 5.0.0 wrote them: a row for each."""
    with Journal.open(folder) as journal:
        events = journal.load(journal.runs()[0].id).events
    with sqlite3.connect(folder / ".nika" / "journal.db") as database:
        blobs = dict(database.execute("SELECT id, blob FROM events WHERE blob IS NOT NULL").fetchall())
        database.executescript(EVENTS_OF_VERSION_1)
        for position, each in enumerate(events, 1):
            row = (1 << RUN_SHIFT) + position
            data = None if row in blobs or not each.data else json.dumps(each.data)
            values = (row, each.seq, each.at, each.kind.value, each.task, data, blobs.get(row))
            database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    database.close()
    return events


@pytest.mark.parametrize("by", ["a reader", "a writer"])
def test_a_journal_of_an_earlier_nika_is_read_and_gone_on_with(tmp_path: Path, by: str) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info(), "r")
        for each in (event(1, output="x"), event(2), event(3, output="é" * LARGE), event(4, n=[1.5, None, "'"])):
            log.record([each])
        log.release()
    events = as_version_1(tmp_path)
    with Journal.open(tmp_path) as journal:
        if by == "a writer":
            log = journal.resume("r")
            log.record([event(5)])
            log.release()
    with Journal.open(tmp_path) as journal:
        assert journal.load("r").events == (*events, *([event(5)] if by == "a writer" else []))
        assert journal.remove("r") == "r"
    assert not [path for path in (tmp_path / ".nika" / "blobs").rglob("*") if path.is_file()]


def test_a_gitignore_that_a_full_disk_left_empty_is_written_again(tmp_path: Path) -> None:
    (tmp_path / ".nika").mkdir()
    (tmp_path / ".nika" / ".gitignore").touch()
    old_run(tmp_path)
    assert (tmp_path / ".nika" / ".gitignore").read_text() == "*\n"


def test_a_run_that_fails_to_begin_is_not_held(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(info(), "r-1")
        log.release()
        with pytest.raises(JournalError):
            journal.begin(info(), "r-1")  # the id is taken
        journal.resume("r-1").release()


def test_no_open_file_or_thread_is_left_behind(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        old = Journal.open(tmp_path)
        old.begin(info()).release()
        old.runs()
        old.close()
    assert len(os.listdir("/proc/self/fd")) == before
