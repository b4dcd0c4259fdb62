"""Prompts and outputs are their user's alone, and another process that holds the journal delays an end only once."""

import os
import sqlite3
import stat

import pytest

from nika_core.errors import JournalError
from nika_core.journal.patience import Patience
from nika_core.journal.store import Store
from nika_core.journal.writer import JournalWriter

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def shared(folder):
    return [
        str(path.relative_to(folder))
        for path in (folder, *folder.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def test_a_new_journal_is_private(tmp_path, umask):
    store = Store(tmp_path)
    with store.writer() as connection:
        connection.execute("CREATE TABLE more (x)")
        store.blobs.put(b"x" * 100)
        assert shared(store.folder) == []
    connection.close()


def test_a_journal_that_others_could_read_becomes_private(tmp_path):
    store = Store(tmp_path)
    store.writer().close()
    (store.folder / "blobs").mkdir(exist_ok=True)
    for path in (store.folder, *store.folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    store.writer().close()
    assert shared(store.folder) == []


def test_the_folder_is_never_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".nika").symlink_to("elsewhere")
    with pytest.raises(JournalError, match="is a link"):
        Store(tmp_path).writer()
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [".nika", ".nika/journal.db"])
def test_nothing_is_written_to_a_history_of_another_user(tmp_path, name):
    Store(tmp_path).writer().close()
    os.chown(tmp_path / name, 65_534, -1)
    with pytest.raises(JournalError, match=r"belongs to another user \(nobody\); remove it, or make it yours"):
        Store(tmp_path).writer()
    Store(tmp_path).reader().close()  # it can be looked at


def test_a_process_that_holds_the_journal_is_waited_for_only_once(tmp_path, monkeypatch):
    monkeypatch.setattr("nika_core.journal.patience.BRIEF_SECONDS", 0.01)
    store = Store(tmp_path, Patience(0.05))
    writer = JournalWriter(store)
    holding = sqlite3.connect(store.path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    for _ in range(5):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            writer.call(lambda connection: None)
        assert store.patience.brief
    holding.execute("ROLLBACK")
    holding.close()
    writer.call(lambda connection: None)
    assert not store.patience.brief
    writer.close()
