"""Files and folders of workflows: which to take, what changes in them, and writing it so that nothing is ever lost."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nika_command_migrate.findings import MigrationContext
from nika_command_migrate.migrate import Migration, Status, migrate_text
from nika_command_migrate.notes import Note
from nika_core import Severity
from nika_core.plugin import FileError, Place, is_folder, read_file, read_json, text_of

PATTERNS: Final = ("*.nika.yaml", "*.nika.yml")
_SKIPPED: Final = frozenset({"node_modules", "__pycache__"})  # and every hidden folder
BACKUP: Final = ".v4.bak"
STDIN: Final = Path("-")


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file. `diff` is empty when nothing changes; `backup` is where the old text is."""

    path: Path
    migration: Migration
    diff: str = ""
    written: bool = False
    backup: Path | None = None

    @property
    def status(self) -> Status:
        return self.migration.status

    @property
    def changes(self) -> bool:
        """Whether the new text differs from the old one."""
        return self.status is Status.MIGRATED

    def as_json(self) -> dict[str, Any]:
        """Return the JSON of `--format json`; keys without a value are left out."""
        return {
            "path": str(self.path),
            "status": self.status.value,
            "changes": self.changes,
            "written": self.written,
            **({"backup": str(self.backup)} if self.backup else {}),
            **({"diff": self.diff} if self.diff else {}),
            **({"text": self.migration.text} if self.path == STDIN and self.changes else {}),
            "notes": [note.as_json() for note in self.migration.notes],
        }


def migrate_paths(
    paths: Iterable[Path], *, write: bool = False, backup: bool = True, stdin: str | None = None
) -> list[FileResult]:
    """Migrate files, and in folders all workflows. Without `write` nothing is touched.

    A file that cannot be read or written is a result with status unreadable, and the others go on.

    Args:
        stdin: the text of the path `-`, which is never written.
    """
    return [
        _one(path, write=write, backup=backup) if path != STDIN or stdin is None else _text_result(stdin)
        for path in found_files(paths)
    ]


def _text_result(text: str) -> FileResult:
    migration = migrate_text(text, "<stdin>", surroundings_of(STDIN))
    diff = unified_diff(text, migration.text, "<stdin>") if migration.status is Status.MIGRATED else ""
    return FileResult(STDIN, migration, diff)


def found_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are named, and in folders those with a workflow's name; each file once."""
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _in_folder(path) if is_folder(path) else [path]:
            found.setdefault(_target(file), file)
    return list(found.values())


def _target(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links that lead in a circle
        return path


def _in_folder(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            if any(Path(name).match(pattern) for pattern in PATTERNS):
                yield Path(root, name)


def _one(path: Path, *, write: bool, backup: bool) -> FileResult:
    try:
        content = read_file(path)
        text_of(content, path)
    except FileError as error:
        return _unreadable(path, error.reason, error.hint or "name a file that can be read", error.place)
    text = content.decode("utf-8")  # with its byte order mark
    migration = migrate_text(text, path, surroundings_of(path))
    if migration.status is not Status.MIGRATED:
        return FileResult(path, migration)
    result = FileResult(path, migration, unified_diff(text, migration.text, str(path)))
    if not write:
        return result
    try:
        kept = write_text(path, content, migration.text, backup=backup)
    except (OSError, FileError) as error:
        reason = error.reason if isinstance(error, FileError) else error.strerror or str(error)
        note = Note(1, 1, Severity.ERROR, f"the file was not written: {reason}", "the old text is untouched")
        return replace(result, migration=replace(migration, status=Status.UNREADABLE, notes=(note, *migration.notes)))
    return replace(result, written=True, backup=kept)


def _unreadable(path: Path, reason: str, hint: str, place: Place | None) -> FileResult:
    line, column = (place.line or 1, place.column or 1) if place else (1, 1)
    note = Note(line, column, Severity.ERROR, f"the file {reason}", hint)
    return FileResult(path, Migration(Status.UNREADABLE, "", (note,)))


def surroundings_of(path: Path) -> MigrationContext:
    """Return what stands beside a workflow and on this machine."""
    config: Any = None
    with contextlib.suppress(FileError):  # a broken .mcp.json is not migration's matter
        config = read_json(path.resolve().parent / ".mcp.json")
    servers = config.get("mcpServers") if isinstance(config, dict) else None
    servers = list(servers) if isinstance(servers, dict) else []
    return MigrationContext(servers=servers, node=shutil.which("node") is not None)


_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")


def unified_diff(old: str, new: str, name: str) -> str:
    """Write a diff as `diff -u` does, for `patch` to read."""
    lines = difflib.unified_diff(_LINE.findall(old), _LINE.findall(new), name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def write_text(path: Path, old: bytes, new: str, *, backup: bool = True) -> Path | None:
    """Put the new text in the file's place, all of it or nothing; a symbolic link stays one.

    The old text is first written beside it, under a name that is not taken, and its path is returned.

    Raises:
        OSError: nothing was changed; also when the file is not `old` any more.
    """
    target = path.resolve(strict=True)
    mode = stat.S_IMODE(target.stat().st_mode)
    kept = _backup(target, old, mode) if backup else None
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _fill(file, new.encode("utf-8"), mode)
        if read_file(target, len(old)) != old:
            raise OSError("it was changed by something else in the meantime")
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    return kept


def _backup(target: Path, content: bytes, mode: int) -> Path:
    number = 1
    while True:
        kept = target.with_name(f"{target.name}{BACKUP}{f'.{number}' if number > 1 else ''}")
        try:
            with kept.open("xb") as file:
                try:
                    _fill(file, content, mode)
                except BaseException:  # half of the old text is not to be taken for it
                    kept.unlink(missing_ok=True)
                    raise
        except FileExistsError:
            with contextlib.suppress(FileError):
                if read_file(kept, len(content)) == content:
                    return kept
            number += 1
        else:
            return kept


def _fill(file: Any, content: bytes, mode: int) -> None:
    file.write(content)
    file.flush()
    os.fchmod(file.fileno(), mode) if hasattr(os, "fchmod") else Path(file.name).chmod(mode)
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # where a folder cannot be opened, as on Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
