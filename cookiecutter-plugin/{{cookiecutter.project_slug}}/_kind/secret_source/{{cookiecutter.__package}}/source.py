"""Returns secrets by name. Works in a thread of its own, and is asked for each name at most once per run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from nika_core.plugin import Category, FileError, SecretSourceSetup, TaskError, read_json

VARIABLE: Final = "{{cookiecutter.__variable}}_FILE_PATH"


class {{cookiecutter.__class}}Secrets:
    """Made once per run, when the first task that starts needs a secret."""

    def __init__(self, setup: SecretSourceSetup) -> None:
        self._path = setup.environ.get(VARIABLE)

    async def fetch(self, name: str) -> str | None:
        """Return a secret; None if it is not in the file. Raise TaskError if the file cannot be used."""
        return None if self._path is None else await asyncio.to_thread(self._read, Path(self._path), name)

    def places(self, name: str) -> str:
        """Return the file."""
        return self._path or f"{VARIABLE}, which is not set"

    def _read(self, path: Path, name: str) -> str | None:
        try:
            secrets = read_json(path)
        except FileError as error:
            raise TaskError(error.message, category=Category.CONFIG, hint=error.hint) from error
        value = secrets.get(name) if isinstance(secrets, dict) else None
        if value is not None and not isinstance(value, str):
            raise TaskError(f"the secret '{name}' in {path} is not a text", category=Category.CONFIG)
        return value
