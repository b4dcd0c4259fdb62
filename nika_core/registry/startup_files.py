"""What Python runs, or puts on `sys.path`, at its start because of a file in an installation folder (see `site`)."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from nika_core.model.files import FileError, read_file
from nika_core.registry.installed_files import InstalledFiles
from nika_core.registry.metadata import DISTRIBUTION_INFO

_MAX: Final = 1 << 20  # bytes of one file
_CUSTOMIZE: Final = {"sitecustomize", "usercustomize"}
_OF_VIRTUAL_ENVIRONMENTS: Final = ("_virtualenv.pth", b"import _virtualenv")  # of virtualenv and uv, in no RECORD


def startup_faults() -> list[str]:
    """Return what is done at the start of Python that no installed distribution has brought, a sentence each."""
    if sys.flags.no_site:
        return []
    folders = list(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    found = []
    for folder in dict.fromkeys(map(os.path.realpath, folders)):
        effects = dict(_effects(Path(folder)))
        if effects:
            installed = _installed(Path(folder), effects.keys())
            found += [f"{folder}/{name} {effect}" for name, effect in effects.items() if name not in installed]
    return found


def _effects(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files of a folder that do something at the start, and what."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  # names are enough
    except OSError:
        return
    for name in names:
        if name.partition(".")[0] in _CUSTOMIZE and not name.endswith(DISTRIBUTION_INFO):
            yield name, "runs code when Python starts, and no distribution has installed it"
        elif name.endswith(".pth"):
            try:
                lines = [line.strip() for line in read_file(folder / name, _MAX).splitlines()]
            except FileError as error:
                if not (folder / name).is_dir():
                    yield name, f"{error.reason}, and Python reads it when it starts"
                continue
            lines = [line for line in lines if line and not line.startswith(b"#")]
            if (name, *lines) == _OF_VIRTUAL_ENVIRONMENTS:
                continue
            if any(line.startswith((b"import ", b"import\t")) for line in lines):
                yield name, "runs code when Python starts, and no distribution has installed it"
            elif lines:
                yield name, "adds folders to the path of modules, and no distribution has installed it"


def _installed(folder: Path, names: Collection[str]) -> set[str]:
    """Return which of these files a distribution in the folder has installed, as they are now."""
    found: set[str] = set()
    for info in sorted(folder.glob("*.dist-info")):
        files = InstalledFiles(info)
        mine = {path.name for path in files.listed() or () if str(path) in names}
        if mine:
            found |= mine.difference(files.changed())
    return found
