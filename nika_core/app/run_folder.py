"""The folder of a run: for files that tasks hand on, kept with the run's history."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nika_core.errors import TemplateValueError
from nika_core.model.json import Json

_KEY: Final = "folder"
_SCOPE: Final = "scope"
_INNER: Final = "workflows"  # in the folder of a run: those of the workflows inside it
_NAME: Final = str.maketrans({"[": "-", "]": "", "/": "+"})


class RunFolder:
    """Makes the folder when a template first asks for it."""

    def __init__(self, path: Path | None, *, makes: bool = True) -> None:
        """Prepare it; nothing is made yet.

        Args:
            path: where it is kept; None: the run has no history, and the folder goes when the run has ended.
            makes: whether it is made; else only its name is told.
        """
        self._path = path
        self._makes = makes
        self._temporary: Path | None = None

    def path(self, scope: str | None = None) -> str:
        """Return the folder, which exists then. Raise TemplateValueError.

        Args:
            scope: the node whose workflow the folder is for; None: the run's own.
        """
        try:
            if self._path is None:
                self._temporary = self._path = Path(tempfile.mkdtemp(prefix="nika-run-"))
            path = self._path if scope is None else self._path / _INNER / scope.translate(_NAME)
            if not self._makes:
                return str(path.absolute())
            for each in (path, *path.parents[: len(path.parts) - len(self._path.parts)]):
                if each.is_symlink():
                    raise OSError(errno.ELOOP, f"{each} is a link, and none is followed here")
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TemplateValueError(
                f"the folder of the run cannot be made: {error}", hint="check who may write there, and the free space"
            ) from error
        return str(path.absolute())

    @property
    def made(self) -> str | None:
        """Where it is, or would be; None: nothing has asked for one that goes when the run has ended."""
        return None if self._path is None else str(self._path.absolute())

    def close(self) -> None:
        """Remove it, if no history keeps it."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def added_to(self, run: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return what is known of the run, with its folder under `folder`."""
        return _WithFolder(run, self)


class _WithFolder(Mapping[str, Json]):
    """A mapping with one more key, whose value is made when it is asked for."""

    __slots__ = ("_folder", "_values")

    def __init__(self, values: Mapping[str, Json], folder: RunFolder) -> None:
        self._values = values
        self._folder = folder

    def __getitem__(self, key: str) -> Json:
        if key != _KEY:
            return self._values[key]
        scope = self._values.get(_SCOPE)
        return self._folder.path(scope if isinstance(scope, str) else None)

    def __contains__(self, key: object) -> bool:
        return key == _KEY or key in self._values

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield _KEY

    def __len__(self) -> int:
        return len(self._values) + 1
