"""`nika.lock`: which plugin distributions a project runs with, to the hash of what was installed.

The hash is over the paths and hashes that the installer wrote into each distribution's RECORD. Byte code, scripts and
files that an installer writes about itself do not count: they differ from machine to machine. If the hash is the
locked one, the files themselves are compared with RECORD, so that a file changed in place is found too.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nika_core import codes
from nika_core.errors import Place, RefusedError, UsageError
from nika_core.model.files import FileError, read_file, read_json, require_regular_files
from nika_core.registry.scan import PluginRecord
from nika_core.values import dataclass

LOCK_NAME: Final = "nika.lock"
KERNEL: Final = "nika-core"
_FORMAT: Final = 1
_REWRITE: Final = "write it again: nika plugins lock"
_MAX_INSTALLED: Final = 1024**3  # bytes of one installed file
_OF_THE_INSTALLER: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


@dataclass(frozen=True, slots=True)
class Locked:
    """One distribution: its version, and the hash of its installed files."""

    distribution: str
    version: str
    sha256: str


def locked(name: str) -> Locked:
    """What is installed under a distribution's name."""
    import importlib_metadata  # late, here and below: most projects have no lock, and it is slow to import

    distribution = importlib_metadata.distribution(name)
    lines = []
    for file in distribution.files or ():
        path = PurePosixPath(str(file))
        if path.suffix == ".pyc" or path.name in _OF_THE_INSTALLER or path.parts[0] == "..":
            continue
        lines.append(f"{path} {file.hash.value if file.hash else '-'}")
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return Locked(distribution.name, distribution.version, digest)


def changed_files(name: str) -> list[str]:
    """Return the files of a distribution that no longer match its RECORD."""
    import importlib_metadata

    changed = []
    for file in importlib_metadata.distribution(name).files or ():
        if file.hash is None or file.hash.mode != "sha256":
            continue
        try:
            digest = hashlib.sha256(read_file(Path(str(file.locate())), _MAX_INSTALLED)).digest()
        except FileError:
            changed.append(str(file))
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            changed.append(str(file))
    return changed


def lock_of(records: Iterable[PluginRecord]) -> list[Locked]:
    """What to lock: the kernel, and every distribution of these offers."""
    names = {record.distribution for record in records}
    return [locked(name) for name in sorted(names | {KERNEL}, key=str.lower)]


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
        found: Any = read_json(path)
    except FileError as error:
        if error.missing:
            return None
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
            f"{path} is not a lock of plugins: {error}",
            code=codes.PLUGIN_LOCK,
            hint=_REWRITE,
            place=Place(str(path)),
        ) from None


def differences(wanted: Mapping[str, Locked], records: Iterable[PluginRecord]) -> list[str]:
    """What is installed (and may be loaded) other than the lock says, a sentence each."""
    installed = {entry.distribution: entry for entry in lock_of(records)}
    found = []
    for name in sorted(wanted.keys() | installed.keys(), key=str.lower):
        was, now = wanted.get(name), installed.get(name)
        if now is None and was is not None:
            found.append(f"{name} {was.version} is locked, but not installed (or not allowed)")
        elif was is None and now is not None:
            found.append(f"{name} {now.version} is installed, but not locked")
        elif was is not None and now is not None and was != now:
            other = was.version != now.version
            detail = f"version {now.version} is installed" if other else "other files of that version are installed"
            found.append(f"{name} is locked at version {was.version}, but {detail}")
        elif now is not None and (changed := changed_files(name)):
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            found.append(f"{name} {now.version} was changed after it was installed: {changed[0]}{more}")
    return found


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
