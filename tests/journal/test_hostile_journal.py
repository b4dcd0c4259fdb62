"""A journal that somebody else wrote can neither read, change nor delete a file that is not the journal's own."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.errors import JournalError
from nika_core.journal import Journal, RunInfo
from nika_core.journal.blobs import Blobs

INFO = RunInfo("w", "w.nika.yaml", "tasks: []", started=1.7e9)


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    with Journal.open(tmp_path) as journal:
        log = journal.begin(INFO)
        log.put("k", "c", "v")
        log.release()
        return log.run_id


def change(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / ".nika" / "journal.db")
    with connection:
        connection.execute(statement, values)
    connection.close()


NAMES: dict[str, Callable[[Path], object]] = {
    "absolute": str,
    "relative": lambda victim: f"../../{victim.parent.name}/{victim.name}",
    "upper case": lambda _: "A" * 64,
    "with a line's end": lambda _: "a" * 64 + "\n",
    "empty": lambda _: "",
    "bytes": lambda victim: str(victim).encode(),
    "a number": lambda _: 7,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("touch", ["remove", "resume", "load"])
def test_a_blob_s_name_is_a_digest_or_leads_to_nothing(
    tmp_path: Path, run_id: str, name: Callable[[Path], object], touch: str
) -> None:
    victim = tmp_path / "victim" / "file"
    victim.parent.mkdir()
    victim.write_text('"precious"')
    change(tmp_path, "UPDATE runs SET document = NULL, blob = ?", name(victim))
    change(tmp_path, "UPDATE memo SET value = NULL, blob = ?", name(victim))
    with Journal.open(tmp_path) as journal:
        found = getattr(journal, touch)(run_id)
        if touch == "load":
            assert found.info.document == ""
            assert found.memo == {}
        elif touch == "resume":
            assert found.get("k", "c") is None
            found.release()
    assert victim.read_text() == '"precious"'


@pytest.mark.parametrize("link", ["folder", "blob"])
def test_a_link_among_the_blobs_is_neither_followed_nor_removed(tmp_path: Path, link: str) -> None:
    content = b"precious"
    name = sha256(content).hexdigest()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / name).write_bytes(content)
    folder = tmp_path / "blobs"
    folder.mkdir()
    if link == "folder":
        (folder / name[:2]).symlink_to(outside)
    else:
        (folder / name[:2]).mkdir()
        (folder / name[:2] / name).symlink_to(outside / name)
    blobs = Blobs(folder)
    assert blobs.get(name) is None
    blobs.remove([name])
    assert (outside / name).read_bytes() == content


def test_a_pipe_among_the_blobs_is_not_waited_for(tmp_path: Path) -> None:
    name = "ab" * 32
    (tmp_path / "ab").mkdir()
    os.mkfifo(tmp_path / "ab" / name)
    assert Blobs(tmp_path).get(name) is None


@pytest.mark.parametrize("run", ["../../victim", "/victim", "a/b", "", ".", "x" * 5000])
def test_a_run_s_id_that_is_a_path_is_refused(tmp_path: Path, run_id: str, run: str) -> None:
    victim = tmp_path / "victim.lock"
    victim.write_text("precious")
    change(tmp_path, "UPDATE runs SET id = ?, status = 'running'", run)
    with Journal.open(tmp_path) as journal:
        for touch in (journal.remove, journal.resume, journal.load):
            with pytest.raises(JournalError):
                touch(run)
        assert [each.status for each in journal.runs()] == ["damaged"]
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("link", ["the lock", "the folder"])
def test_a_lock_that_is_a_link_is_refused(tmp_path: Path, run_id: str, link: str) -> None:
    victim = tmp_path / "victim" / f"{run_id}.lock"
    victim.parent.mkdir()
    victim.write_text("precious")
    locks = tmp_path / ".nika" / "locks"
    if link == "the lock":
        (locks / victim.name).symlink_to(victim)
    else:
        for file in locks.iterdir():
            file.unlink()
        locks.rmdir()
        locks.symlink_to(victim.parent)
    with Journal.open(tmp_path) as journal, pytest.raises(JournalError) as caught:
        journal.resume(run_id)
    assert caught.value.code == codes.JOURNAL_UNAVAILABLE
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "journal.db-journal", "journal.db-shm"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "dangling link", "device"])
def test_a_journal_that_is_no_regular_file_is_refused_at_once(tmp_path: Path, name: str, kind: str) -> None:
    folder = tmp_path / ".nika"
    folder.mkdir()
    (folder / "journal.db").touch()
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"loop": path.name, "dangling link": "nowhere", "device": "/dev/zero"}[kind])
    with Journal.open(tmp_path) as journal:
        for touch in (journal.runs, lambda: journal.begin(INFO)):
            with pytest.raises(JournalError) as caught:
                touch()
            assert caught.value.code == codes.JOURNAL_UNAVAILABLE
            assert str(path) in caught.value.message
            assert caught.value.hint


def test_an_ignore_file_that_is_a_pipe_or_a_link_is_not_written_to(tmp_path: Path) -> None:
    for kind in ("pipe", "link"):
        folder = tmp_path / kind
        (folder / ".nika").mkdir(parents=True)
        victim = folder / "victim"
        victim.touch()
        if kind == "pipe":
            os.mkfifo(folder / ".nika" / ".gitignore")
            with Journal.open(folder) as journal, pytest.raises(JournalError, match="is a named pipe"):
                journal.begin(INFO)
        else:
            (folder / ".nika" / ".gitignore").symlink_to(victim)
            with Journal.open(folder) as journal:
                journal.begin(INFO).release()
            assert victim.read_text() == ""


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE runs SET info = '{DEEP}'",
        f"UPDATE runs SET summary = '{DEEP}'",
        f"UPDATE runs SET document = '{DEEP}'",
        f"UPDATE memo SET value = '{DEEP}'",
        f"INSERT INTO events SELECT (number << 32) + 1, '{DEEP}', NULL FROM runs",
        f"UPDATE runs SET info = '{json.dumps({'path': 1})}'",
        "UPDATE runs SET info = '[]'",
        "UPDATE runs SET info = 7",
        "UPDATE runs SET info = '{}'",
        f"UPDATE memo SET value = '{'9' * 5000}'",
    ],
    ids=lambda text: text[:40],
)
def test_hostile_texts_in_a_journal_are_told_as_damage(tmp_path: Path, run_id: str, statement: str) -> None:
    change(tmp_path, statement)
    with Journal.open(tmp_path) as journal, pytest.raises(JournalError) as caught:
        journal.load(run_id)
    assert caught.value.code == codes.JOURNAL_CORRUPT
