"""The folder of a run: for files that tasks hand on, kept with the run's history."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nika_core.errors import TemplateValueError
from nika_core.model.json import Json

_KEY: Final = "folder"


class RunFolder:
    """Makes the folder when a template first asks for it."""

    def __init__(self, path: Path | None) -> None:
        """Prepare it; nothing is made yet.

        Args:
            path: where it is kept; None: the run has no history, and the folder goes when the run has ended.
        """
        self._path = path
        self._temporary: Path | None = None

    def path(self) -> str:
        """Return the folder, which exists then. Raise TemplateValueError."""
        try:
            if self._path is None:
                self._temporary = self._path = Path(tempfile.mkdtemp(prefix="nika-run-"))
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TemplateValueError(
                f"the folder of the run cannot be made: {error}", hint="check who may write there, and the free space"
            ) from error
        return str(self._path.absolute())

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
        return self._folder.path() if key == _KEY else self._values[key]

    def __contains__(self, key: object) -> bool:
        return key == _KEY or key in self._values

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield _KEY

    def __len__(self) -> int:
        return len(self._values) + 1
