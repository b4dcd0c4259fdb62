"""Finding and writing files: all or nothing, and the old text is never lost."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from nika_command_migrate.files import migrate_paths, unified_diff
from nika_command_migrate.migrate import Status

OLD = "agent: {model: m}\ntasks:\n  - id: a\n    shell: ls\n    cwd: .\n"
NEW = "agent: {model: m}\ntasks:\n  - id: a\n    shell:\n      command: ls\n      workingDir: .\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "w.nika.yaml"
    path.write_text(OLD)
    return path


def test_without_write_nothing_is_touched(file: Path) -> None:
    (result,) = migrate_paths([file])
    assert (result.status, result.written, result.backup) == (Status.MIGRATED, False, None)
    assert "+      workingDir: .\n" in result.diff
    assert file.read_text() == OLD
    assert list(file.parent.iterdir()) == [file]


def test_writing_leaves_the_old_text_beside_the_file(file: Path) -> None:
    (result,) = migrate_paths([file], write=True)
    assert file.read_text() == NEW
    assert result.backup == file.with_name("w.nika.yaml.v4.bak")
    assert result.backup.read_text() == OLD
    assert migrate_paths([file], write=True)[0].status is Status.UNCHANGED


def test_without_a_backup_there_is_only_the_file(file: Path) -> None:
    migrate_paths([file], write=True, backup=False)
    assert [path.name for path in file.parent.iterdir()] == ["w.nika.yaml"]


def test_a_full_disk_leaves_the_file_and_no_half_of_a_backup(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    (result,) = migrate_paths([file], write=True)
    assert (result.written, file.read_text()) == (False, OLD)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_older_backup_is_never_overwritten(file: Path) -> None:
    first = file.with_name("w.nika.yaml.v4.bak")
    first.write_text("precious")
    (result,) = migrate_paths([file], write=True)
    assert first.read_text() == "precious"
    assert result.backup is not None
    assert result.backup.name == "w.nika.yaml.v4.bak.2"
    assert result.backup.read_text() == OLD


def test_mode_and_bytes_are_kept(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + OLD.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    migrate_paths([file], write=True)
    assert file.read_bytes() == b"\xef\xbb\xbf" + NEW.replace("\n", "\r\n").encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    link = folder / "w.nika.yaml"
    link.symlink_to(file)
    migrate_paths([link, file], write=True)
    assert link.is_symlink()
    assert file.read_text() == NEW
    assert sorted(path.name for path in tmp_path.iterdir()) == ["links", "w.nika.yaml", "w.nika.yaml.v4.bak"]


def test_folders_are_searched_for_workflows_only(tmp_path: Path) -> None:
    for name in ("a.nika.yaml", "deep/er/b.nika.yml", "c.yaml", ".git/d.nika.yaml", "node_modules/e.nika.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(OLD)
    found = migrate_paths([tmp_path, tmp_path / "a.nika.yaml"])
    assert [str(result.path.relative_to(tmp_path)) for result in found] == ["a.nika.yaml", "deep/er/b.nika.yml"]


def test_what_cannot_be_read_is_told_and_the_others_go_on(file: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.nika.yaml").write_bytes(b"# \xe9\n")
    os.mkfifo(tmp_path / "pipe.nika.yaml")
    results = migrate_paths([tmp_path / "none.nika.yaml", tmp_path])
    told = {result.path.name: (result.status, result.migration.notes) for result in results}
    assert {name for name, (status, _) in told.items() if status is Status.UNREADABLE} == {
        "none.nika.yaml", "latin.nika.yaml", "pipe.nika.yaml"
    }  # fmt: skip
    assert "UTF-8" in told["latin.nika.yaml"][1][0].message
    assert told["w.nika.yaml"][0] is Status.MIGRATED


def test_a_file_that_cannot_be_written_is_untouched(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nika_command_migrate.files.os.fsync", full)
    (result,) = migrate_paths([file], write=True)
    assert result.status is Status.UNREADABLE
    assert "No space left" in result.migration.notes[0].message
    assert file.read_text() == OLD
    assert not list(file.parent.glob("*.tmp"))
    assert not list(file.parent.glob(".*.tmp"))


def test_a_file_that_changes_meanwhile_is_not_overwritten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nika_command_migrate import files

    def backup(target: Path, *_: object) -> Path:
        target.write_text("somebody else's")
        return target

    monkeypatch.setattr(files, "_backup", backup)
    (result,) = migrate_paths([file], write=True)
    assert result.status is Status.UNREADABLE
    assert file.read_text() == "somebody else's"


def test_a_file_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.nika.yaml"
    with path.open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    assert "at most 10,485,760 are read" in migrate_paths([path])[0].migration.notes[0].message


def test_the_servers_beside_a_workflow_are_known(tmp_path: Path) -> None:
    path = tmp_path / "w.nika.yaml"
    path.write_text("agent: {model: m}\ntasks: [{id: a, mcp: s::t, args: {}}]\n")
    assert [note.severity for note in migrate_paths([path])[0].migration.notes] == ["error"]
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": {"command": "x"}}}))
    assert migrate_paths([path])[0].migration.notes == ()


def test_the_diff_is_one_that_patch_reads() -> None:
    assert unified_diff("a\nb", "a\r\nc\n", "x").splitlines() == [
        "--- x", "+++ x", "@@ -1,2 +1,2 @@", "-a", "-b", "\\ No newline at end of file", "+a", "+c",
    ]  # fmt: skip


def test_results_are_json(file: Path) -> None:
    (result,) = migrate_paths([file], write=True)
    found = json.loads(json.dumps(result.as_json()))
    assert found["status"] == "migrated"
    assert found["written"] is True
    assert found["backup"].endswith(".v4.bak")
    assert found["notes"] == []
