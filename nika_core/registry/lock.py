"""`nika.lock`: which plugin distributions a project runs with, to the hash of what was installed.

The hash is over the paths and hashes that the installer wrote into each distribution's RECORD. If the hash is the
locked one, the files themselves are compared with RECORD, so that a file changed in place is found too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.errors import Place, RefusedError, UsageError
from nika_core.model.files import FileError, read_json, require_regular_files
from nika_core.model.named_files import require_inside, require_own
from nika_core.registry.installed_files import InstalledFiles, metadata_folders
from nika_core.registry.metadata import folder_of, installed
from nika_core.registry.scan import PluginRecord
from nika_core.registry.startup_files import startup_faults
from nika_core.values import dataclass

LOCK_NAME: Final = "nika.lock"
KERNEL: Final = "nika-core"
_FORMAT: Final = 1
_REWRITE: Final = "write it again: nika plugins lock"


@dataclass(frozen=True, slots=True)
class Locked:
    """One distribution: its version, and the hash of its installed files."""

    distribution: str
    version: str
    sha256: str


def locked(files: InstalledFiles) -> Locked:
    """Return what is locked of an installed distribution."""
    return Locked(files.name, files.version, files.digest())


def installed_files(records: Iterable[PluginRecord]) -> list[InstalledFiles]:
    """Return what to lock, by name: the kernel, and every distribution of these offers."""
    modules: dict[str, set[str]] = {_kernel_folder(): set()}
    for record in records:
        if record.fault:
            continue
        modules.setdefault(record.folder, set()).add(record.module)
    files = [InstalledFiles(Path(folder), tuple(sorted(named))) for folder, named in modules.items()]
    return sorted(files, key=lambda each: each.folder.name.lower())


def lock_of(records: Iterable[PluginRecord]) -> list[Locked]:
    """Return the entries of a lock: the kernel, and every distribution of these offers."""
    return [locked(files) for files in installed_files(records)]


def _kernel_folder() -> str:
    import importlib_metadata

    return folder_of(importlib_metadata.distribution(KERNEL))


def faults(records: Iterable[PluginRecord]) -> list[str]:
    """Return what of these offers, and of the start of Python, no lock can vouch for, a sentence each."""
    records = tuple(records)
    folders = metadata_folders(map(folder_of, installed()))
    unreadable = {
        record.folder: f"{record.origin} cannot be used: {record.fault}" for record in records if record.fault
    }
    found = [
        f"{files.name} {files.version} {fault}" for files in installed_files(records) for fault in files.faults(folders)
    ]
    return [*found, *unreadable.values(), *startup_faults()]


def write_lock(path: Path, entries: Iterable[Locked]) -> None:
    """Write the lock file, one distribution a line. Raises OSError, FileError."""
    rows = [
        json.dumps({"distribution": entry.distribution, "version": entry.version, "sha256": entry.sha256})
        for entry in entries
    ]
    listed = ",\n  ".join(rows)
    require_regular_files(path)
    path.write_text(f'{{"format": {_FORMAT}, "plugins": [\n  {listed}\n]}}\n', encoding="utf-8")


def read_lock(path: Path) -> dict[str, Locked] | None:
    """Return the entries of the lock by distribution; None if there is no lock. Raises UsageError."""
    try:
        require_own(path)
        require_inside(path)
        found: Any = read_json(path)
    except FileError as error:
        if error.missing:
            return None
        if error.code == codes.UNTRUSTED_FOLDER:
            raise RefusedError(error.code, error.message, hint=error.hint, place=error.place) from None
        message = f"{path} is not a lock of plugins: it {error.reason}"
        raise UsageError(message, code=codes.PLUGIN_LOCK, hint=_REWRITE, place=error.place) from None
    try:
        if found["format"] != _FORMAT:
            raise ValueError(f"its format is {found['format']}, this Nika reads {_FORMAT}")
        entries = [Locked(**entry) for entry in found["plugins"]]
        if not all(isinstance(text, str) for entry in entries for text in astuple(entry)):
            raise ValueError("a name, a version and a hash are texts")
        return {entry.distribution: entry for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a lock of plugins: {'it has no ' if isinstance(error, KeyError) else ''}{error}",
            code=codes.PLUGIN_LOCK,
            hint=_REWRITE,
            place=Place(str(path)),
        ) from None


def differences(wanted: Mapping[str, Locked], records: Iterable[PluginRecord]) -> list[str]:
    """Return what is installed (and may be loaded) other than the lock says, a sentence each."""
    records = tuple(records)
    files = {each.name: each for each in installed_files(records)}
    differing = []
    for name in sorted(wanted.keys() | files.keys(), key=str.lower):
        was, now = wanted.get(name), locked(files[name]) if name in files else None
        if now is None and was is not None:
            differing.append(f"{name} {was.version} is locked, but not installed (or not allowed)")
        elif was is None and now is not None:
            differing.append(f"{name} {now.version} is installed, but not locked")
        elif was is not None and now is not None and was != now:
            other = was.version != now.version
            detail = f"version {now.version} is installed" if other else "other files of that version are installed"
            differing.append(f"{name} is locked at version {was.version}, but {detail}")
        elif now is not None and (changed := files[name].changed()):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            differing.append(f"{name} {now.version} was changed after it was installed: {changed[0]}{more}")
    return differing + faults(records)


def refuse_faults(records: Iterable[PluginRecord]) -> None:
    """Raise RefusedError if there is something that no lock can vouch for."""
    if wrong := faults(records):
        raise RefusedError(
            codes.PLUGIN_LOCK,
            "nothing was locked: " + "; ".join(wrong),
            hint="install each distribution once, from its wheel, or block it in nika.yaml; remove what is not its own",
        )


def require_lock(path: Path, records: Iterable[PluginRecord]) -> None:
    """Refuse when there is a lock and something differs. Raises RefusedError with all differences."""
    wanted = read_lock(path)
    if wanted is None:
        return
    found = differences(wanted, records)
    if found:
        raise RefusedError(
            codes.PLUGIN_LOCK,
            f"the installed plugins are not those of {path.name}: " + "; ".join(found),
            hint="install what is locked, or accept what is installed: nika plugins lock",
            place=Place(str(path)),
        )
