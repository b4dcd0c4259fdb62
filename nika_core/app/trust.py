"""Which project files the user trusts: by the file's path and content, as direnv does."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.errors import UsageError
from nika_core.model.files import FileError, is_folder, read_json
from nika_core.model.project import Project
from nika_core.model.user_folders import user_folder
from nika_core.values import dataclass

VARIABLE: Final = "NIKA_TRUST"
_EVERYWHERE: Final = frozenset({"1", "true", "yes", "on", "*"})
_NOWHERE: Final = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class TrustDecision:
    """What the user decided of one project file as it was then."""

    path: Path
    trusted: bool


class TrustStore:
    """The user's decisions: a file for each, named by a hash of the project file's path and content.

    So a project file that changes, or moves, is decided anew.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._folder = user_folder(environ, "XDG_DATA_HOME") / "trust"

    def decision(self, project: Project) -> bool | None:
        """Return whether the file is trusted as it is now; None if that was never decided."""
        if project.path is None:
            return None
        decided = _read(self._entry(project.path, project.digest))
        return None if decided is None else decided.trusted

    def decide(self, project: Project, *, trusted: bool) -> None:
        """Record a decision. Raise UsageError if it cannot be written."""
        assert project.path is not None
        entry = self._entry(project.path, project.digest)
        beside = entry.with_name(f"{entry.name}.{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_text(json.dumps({"path": str(_real(project.path)), "trusted": trusted}), encoding="utf-8")
            beside.replace(entry)
        except OSError as error:
            raise UsageError(
                f"the decision cannot be recorded in {self._folder}: {error.strerror or error}",
                hint=f"make the folder writable, or set {VARIABLE}={_real(project.path).parent}",
            ) from None

    def forget(self, folder: Path) -> int:
        """Remove all decisions on the project file of a folder, whatever stood in it; return how many there were."""
        forgotten = 0
        for entry, decided in self._entries():
            if decided.path.parent == Path(os.path.realpath(folder)):
                with suppress(FileNotFoundError):
                    entry.unlink()
                    forgotten += 1
        return forgotten

    def __iter__(self) -> Iterator[TrustDecision]:
        """Yield every decision, by path."""
        yield from sorted((decided for _, decided in self._entries()), key=lambda decided: decided.path)

    def _entries(self) -> Iterator[tuple[Path, TrustDecision]]:
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in list(self._folder.iterdir()):
                if (decided := _read(entry)) is not None:
                    yield entry, decided

    def _entry(self, path: Path, digest: str) -> Path:
        return self._folder / hashlib.sha256(f"{_real(path)}\n{digest}".encode("utf-8", "surrogateescape")).hexdigest()


def trusted_by_variable(environ: Mapping[str, str], path: Path) -> bool | None:
    """Return what NIKA_TRUST says of a project file: `1` for all, `0` for none, or folders and what is below them.

    None: the variable is not set. Raises UsageError for a folder that is not there.
    """
    text = environ.get(VARIABLE)
    if text is None:
        return None
    if text.strip().lower() in _EVERYWHERE | _NOWHERE:
        return text.strip().lower() in _EVERYWHERE
    trusted = False
    for name in filter(None, text.split(os.pathsep)):  # "" would be the working directory, whichever that is
        if not is_folder(Path(name)):
            raise UsageError(
                f"{VARIABLE}: there is no folder {name!r}",
                code=codes.USAGE,
                hint=f"{VARIABLE}=1 trusts every project file, {VARIABLE}=/path/to/project the one of that folder and "
                f"those below it; {os.pathsep!r} stands between two folders",
            )
        trusted = trusted or _real(path).parent.is_relative_to(os.path.realpath(name))
    return trusted


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path.parent), path.name)


def _read(entry: Path) -> TrustDecision | None:
    try:
        found: Any = read_json(entry)
        return TrustDecision(Path(found["path"]), found["trusted"] is True)
    except (FileError, KeyError, TypeError):  # half written, or not ours: it decides nothing
        return None
