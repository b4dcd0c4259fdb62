"""The files of one installed distribution: what its RECORD says of them, and what cannot be vouched for.

A distribution is judged by the very folder of metadata that offers its plugins, not by a name: names can be claimed.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from nika_core.model.files import FileError, read_file
from nika_core.registry.byte_code import forged_byte_code, is_cache_name
from nika_core.registry.metadata import Folder, claimed_name, normal_name
from nika_core.values import dataclass

_MAX_INSTALLED: Final = 1024**3  # bytes of one installed file
_OF_THE_INSTALLER: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
_NEVER_HASHED: Final = {"RECORD", "RECORD.jws", "RECORD.p7s"}
_HASHES: Final = {"sha256", "sha384", "sha512"}
_CODE: Final = (".py", ".pyc", ".so", ".pyd")
_CACHE: Final = "__pycache__"
_MAX_NAMED: Final = 3  # files in one message


@dataclass(frozen=True, slots=True)
class InstalledFiles:
    """A distribution as it is installed.

    Attributes:
        folder: its folder of metadata, such as `.../acme-1.0.dist-info`.
        modules: the modules that its entry points name.
    """

    folder: Path
    modules: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The distribution's name; that of the folder if the metadata cannot be read."""
        try:
            return Folder(str(self.folder)).name
        except KeyError:
            return self.folder.name.partition("-")[0]

    @property
    def version(self) -> str:
        """The distribution's version; that of the folder if the metadata cannot be read."""
        try:
            return Folder(str(self.folder)).version
        except KeyError:
            return self.folder.name.partition("-")[2].rpartition(".")[0]

    def digest(self) -> str:
        """Return the SHA-256 of the paths and hashes in its RECORD, in hexadecimal.

        Cached byte code, scripts and files that an installer writes about itself do not count: they differ from machine
        to machine.
        """
        lines = [
            f"{path} {digest.partition('=')[2] or '-'}"
            for path, digest in (self.listed() or {}).items()
            if not _is_cache(path) and path.parts[0] != ".." and not self._is_metadata(path, _OF_THE_INSTALLER)
        ]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def changed(self) -> list[str]:
        """Return the files that no longer match RECORD."""
        changed = []
        for path, recorded in (self.listed() or {}).items():
            mode, _, value = recorded.partition("=")
            if mode not in _HASHES or _is_odd(path):
                continue
            try:
                digest = hashlib.new(mode, read_file(self.folder.parent / path, _MAX_INSTALLED)).digest()
            except FileError:
                changed.append(str(path))
                continue
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != value:
                changed.append(str(path))
        return changed

    def faults(self, folders: Mapping[str, Collection[str]]) -> list[str]:
        """Return what a lock cannot vouch for, the rest of a sentence each that begins with the distribution.

        Args:
            folders: for each normalized name, all folders of metadata that claim it.
        """
        listed = self.listed() or {}
        if self._is_editable(listed):
            return ["is installed editable: its source is not what was installed"]
        faults = []
        own = os.path.realpath(self.folder)
        others = sorted({os.path.realpath(each) for each in folders.get(normal_name(self.name), ())} - {own})
        if others:
            faults.append(f"is installed twice: also in {others[0]}")
        if not listed:
            return [*faults, "has no RECORD that can be read: nothing says which files were installed"]
        unhashed = [
            path
            for path, digest in listed.items()
            if digest.partition("=")[0] not in _HASHES
            and not _is_cache(path)
            and path.parts[0] != ".."  # scripts
            and not self._is_metadata(path, _NEVER_HASHED)
        ]
        found = {
            "has a RECORD that names files elsewhere": filter(_is_odd, listed),
            "has a RECORD without a SHA-256 hash of": unhashed,
            "has files that its RECORD does not name": sorted(self._unlisted(listed)),
            "has byte code that is not of its source (remove it: Python makes it again)": self._forged(listed),
        }
        foreign = [module for module in self.modules if not self._is_imported_from(module.partition(":")[0], listed)]
        if foreign:
            faults.append(f"names {_some(foreign)} in its entry points, which is not a file of its own")
        hidden = sorted(name for name in _modules(listed) if not self._is_imported_from(name, listed))
        if hidden and not foreign:
            faults.append(f"is hidden by other files: {_some(hidden)} would not be imported from it")
        for fault, paths in found.items():
            if names := list(map(str, paths)):
                faults.append(f"{fault}: {_some(names)}")
        return faults

    def listed(self) -> dict[PurePosixPath, str] | None:
        """Return the paths in RECORD with their hashes, such as `sha256=...`; None if it cannot be read."""
        text = Folder(str(self.folder)).read_text("RECORD") or ""
        try:
            text.encode()
            rows = list(csv.reader(text.splitlines()))
        except (UnicodeEncodeError, csv.Error):
            return None
        return {PurePosixPath(row[0]): "".join(row[1:2]) for row in rows if row and row[0].strip("/.")}

    def _forged(self, listed: Collection[PurePosixPath]) -> list[str]:
        sources = [path for path in listed if path.suffix == ".py" and not _is_odd(path) and path.parts[0] != ".."]
        return forged_byte_code(self.folder, [self.folder.parent / path for path in sources])

    def _is_metadata(self, path: PurePosixPath, names: Collection[str]) -> bool:
        return path.name in names and str(path.parent) == self.folder.name

    def _is_editable(self, listed: Collection[PurePosixPath]) -> bool:
        try:
            origin = json.loads(Folder(str(self.folder)).read_text("direct_url.json") or "{}")
            editable = origin.get("dir_info", {}).get("editable", False) is True
        except (ValueError, AttributeError, RecursionError):
            editable = False
        return editable or any(path.suffix == ".pth" and "editable" in path.name for path in listed)

    def _is_imported_from(self, module: str, listed: Collection[PurePosixPath]) -> bool:
        """Return whether Python would import a module from a listed file. Imports nothing.

        Another file can hide it: in a folder that comes earlier in `sys.path`, or a package or an extension beside it.
        """
        path: Iterable[str] | None = None
        name = ""
        for part in module.split("."):
            name = f"{name}.{part}" if name else part
            origin, path = _found(name, path)
            if origin is not None and self._own(origin) not in listed:
                return False
            if path is None:
                return origin is not None and name == module
        return any(PurePosixPath(*module.split(".")) in file.parents for file in listed)

    def _own(self, origin: str) -> PurePosixPath:
        folder, name = os.path.split(origin)
        return PurePosixPath(os.path.relpath(os.path.realpath(folder), os.path.realpath(self.folder.parent))) / name

    def _unlisted(self, listed: Collection[PurePosixPath]) -> Iterator[str]:
        """Yield the files in its packages that RECORD does not name; cached byte code of listed files aside."""
        packages = {path.parent for path in listed if path.name.partition(".")[0] == "__init__" and not _is_odd(path)}
        packages -= {PurePosixPath(".")}
        for root in (package for package in packages if package.parent not in packages and package.parts[0] != ".."):
            for folder, names, files in os.walk(self.folder.parent / root):
                inside = PurePosixPath(Path(folder).relative_to(self.folder.parent).as_posix())
                links = [name for name in names if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118  # a path object for each costs more
                for name in files + links:
                    path = inside / name
                    if path not in listed and not _is_cache_of(path, listed):
                        yield str(path)


def metadata_folders(folders: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each normalized name, the folders of metadata that claim it by their own name."""
    claimed: dict[str, list[str]] = {}
    for folder in folders:
        if name := claimed_name(os.path.basename(folder)):  # noqa: PTH119  # a path object for each costs more
            claimed.setdefault(name, []).append(folder)
    return claimed


def _is_cache(path: PurePosixPath) -> bool:
    return is_cache_name(path.name) and path.parent.name == _CACHE


def _is_cache_of(path: PurePosixPath, listed: Collection[PurePosixPath]) -> bool:
    """Return whether a file is cached byte code of a listed file, or lies in a cache and cannot be imported."""
    if _CACHE not in path.parent.parts:
        return False
    source = path.parent.parent / f"{path.name.partition('.')[0]}.py"
    return path.suffix not in _CODE or (_is_cache(path) and source in listed)


def _is_odd(path: PurePosixPath) -> bool:
    """Return whether a path of RECORD is absolute, or goes up anywhere but at its beginning, as scripts do."""
    down = False
    for part in path.parts:
        if part == ".." and down:
            return True
        down = down or part != ".."
    return path.is_absolute()


def _modules(listed: Collection[PurePosixPath]) -> set[str]:
    """Return what a program can import by these files, without what is inside a package with an `__init__` file."""
    code = [path for path in listed if path.suffix in _CODE and not _is_cache(path) and not _is_odd(path)]
    packages = {path.parent for path in code if path.name.partition(".")[0] == "__init__"}
    found = {path.parent if path.parent in packages else path.parent / path.name.partition(".")[0] for path in code}
    outermost = (path for path in found if not packages.intersection(path.parents))
    return {".".join(path.parts) for path in outermost if path.parts and all(map(str.isidentifier, path.parts))}


def _found(name: str, path: Iterable[str] | None) -> tuple[str | None, Iterable[str] | None]:
    """Return the file that Python would import a module from, and the folders of a package; None for what is not."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = None if find is None else find(name, path)
        if spec is not None:
            file = spec.origin if spec.has_location or spec.submodule_search_locations is None else None
            return file, spec.submodule_search_locations
    return None, None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
