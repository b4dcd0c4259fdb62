"""The files of one installed distribution: what its RECORD says of them, and what cannot be vouched for.

A distribution is judged by the very folder of metadata that offers its plugins, not by a name: names can be claimed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from nika_core.model.files import FileError, read_file
from nika_core.registry.metadata import DISTRIBUTION_INFO, normal_name
from nika_core.values import dataclass

if TYPE_CHECKING:
    import importlib_metadata

_MAX_INSTALLED: Final = 1024**3  # bytes of one installed file
_OF_THE_INSTALLER: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
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
    def distribution(self) -> importlib_metadata.Distribution:
        """The distribution whose metadata is in the folder."""
        import importlib_metadata  # late: most projects have no lock, and it is slow to import

        return importlib_metadata.Distribution.at(self.folder)

    def digest(self) -> str:
        """Return the SHA-256 of the paths and hashes in its RECORD, in hexadecimal.

        Byte code, scripts and files that an installer writes about itself do not count: they differ from machine to
        machine.
        """
        lines = [
            f"{path} {file.hash.value if file.hash else '-'}"
            for path, file in self._listed().items()
            if path.suffix != ".pyc" and path.name not in _OF_THE_INSTALLER and path.parts[0] != ".."
        ]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def changed(self) -> list[str]:
        """Return the files that no longer match RECORD."""
        changed = []
        for file in self._listed().values():
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

    def faults(self, folders: Mapping[str, Collection[str]]) -> list[str]:
        """Return what a lock cannot vouch for, the rest of a sentence each that begins with the distribution.

        Args:
            folders: for each normalized name, all folders of metadata that claim it.
        """
        if self._is_editable():
            return ["is installed editable: its source is not what was installed"]
        faults = []
        others = sorted(set(folders.get(normal_name(self.distribution.name), ())) - {str(self.folder)})
        if others:
            faults.append(f"is installed twice: also in {others[0]}")
        listed = self._listed()
        foreign = [module for module in self.modules if not _is_listed(module, listed)]
        if foreign:
            faults.append(f"names {_some(foreign)} in its entry points, which is no file of its own")
        unlisted = sorted(self._unlisted(listed))
        if unlisted:
            faults.append(f"has files that its RECORD does not name: {_some(unlisted)}")
        return faults

    def _listed(self) -> dict[PurePosixPath, importlib_metadata.PackagePath]:
        return {PurePosixPath(str(file)): file for file in self.distribution.files or ()}

    def _is_editable(self) -> bool:
        try:
            origin = json.loads(self.distribution.read_text("direct_url.json") or "{}")
            editable = origin.get("dir_info", {}).get("editable", False) is True
        except (ValueError, AttributeError):
            editable = False
        return editable or any(path.suffix == ".pth" and "editable" in path.name for path in self._listed())

    def _unlisted(self, listed: Collection[PurePosixPath]) -> Iterator[str]:
        """Yield the files in its packages that RECORD does not name; byte code of listed files aside."""
        packages = {path.parent for path in listed if path.name == "__init__.py"}
        roots = [package for package in packages if package.parent not in packages]
        for root in roots:
            for folder, names, files in os.walk(self.folder.parent / root):
                names[:] = [name for name in names if name != "__pycache__"]
                for name in files:
                    path = PurePosixPath(Path(folder, name).relative_to(self.folder.parent).as_posix())
                    if path not in listed:
                        yield str(path)


def metadata_folders(folders: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each normalized name, the folders of metadata that claim it by their own name."""
    claimed: dict[str, list[str]] = {}
    for folder in folders:
        stem, _, suffix = os.path.basename(folder).rpartition(".")  # noqa: PTH119  # a path object for each costs more
        if f".{suffix}" in DISTRIBUTION_INFO:
            claimed.setdefault(normal_name(stem.partition("-")[0]), []).append(folder)
    return claimed


def _is_listed(module: str, listed: Collection[PurePosixPath]) -> bool:
    path = PurePosixPath(*module.partition(":")[0].split("."))
    endings = (".py", ".so", ".pyd")
    return path / "__init__.py" in listed or any(
        each.parent == path.parent and each.name.partition(".")[0] == path.name and each.name.endswith(endings)
        for each in listed
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more
