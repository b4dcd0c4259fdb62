"""Secrets from files, as container platforms mount them.

`${secret.db_password}` is the content of the file that the variable `DB_PASSWORD_FILE` names; without that variable, of
`/run/secrets/db_password`. One line break at the end is not part of the secret.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

from nika_core.plugin import Category, FileError, SecretSourceSetup, TaskError, read_file

FOLDER_VARIABLE: Final = "NIKA_SECRETS_DIR"
DEFAULT_FOLDER: Final = "/run/secrets"
MAX_BYTES: Final = 64 * 1024
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")  # one step of a path, and never `.` or `..`
_NOT_IN_VARIABLES: Final = re.compile(r"[^A-Za-z0-9_]")
_OTHERS_MAY_WRITE: Final = 0o002


class SecretFiles:
    """Reads a secret's file when it is asked for."""

    def __init__(self, setup: SecretSourceSetup) -> None:
        self._environ = setup.environ
        self._folder = Path(setup.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)

    async def fetch(self, name: str) -> str | None:
        """Return what the file holds; None if there is none. Raise TaskError for one that cannot be used."""
        return await asyncio.to_thread(self._read, name)

    def places(self, name: str) -> str:
        """Return the variables and the path."""
        if not _FILE_NAME.fullmatch(name):
            return "which takes only names that a file can have"
        return ", ".join((*(f"${variable}" for variable in variables(name)), str(self._folder / name)))

    def _read(self, name: str) -> str | None:
        if not _FILE_NAME.fullmatch(name):
            return None
        for variable in variables(name):
            if path := self._environ.get(variable):
                return _content(Path(path), f"the secret '{name}' (from {variable})")
        try:
            return _content(self._folder / name, f"the secret '{name}'")
        except _NoFileError:
            return None


class _NoFileError(TaskError):
    """Nothing has the path."""


def variables(name: str) -> tuple[str, ...]:
    """Return the variables that may name the file of a secret: in capital letters, and as the name is written."""
    usual = _NOT_IN_VARIABLES.sub("_", name)
    return tuple(dict.fromkeys((f"{usual.upper()}_FILE", f"{usual}_FILE")))


def _content(path: Path, what: str) -> str:
    """Return a file's text. Raise TaskError, in whose message nothing of the file is."""
    try:
        if path.stat().st_mode & _OTHERS_MAY_WRITE and path.is_file():
            hint = f"take that right away: chmod o-w {path}"
            raise _unusable(what, f"'{path}' may be written by every user of the machine", hint)
        data = read_file(path, MAX_BYTES)
    except FileNotFoundError:
        error: type[TaskError] = TaskError if path.is_symlink() else _NoFileError
        raise error(f"{what}: '{path}' does not exist", category=Category.CONFIG) from None
    except (OSError, ValueError) as error_:
        raise _unusable(what, f"'{path}' cannot be read: {getattr(error_, 'strerror', None) or error_}") from None
    except FileError as error_:
        raise _unusable(what, error_.message, error_.hint) from None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise _unusable(what, f"'{path}' is not text in UTF-8", "store binary data as base64") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise _unusable(what, f"'{path}' is empty")
    return text


def _unusable(what: str, why: str, hint: str | None = None) -> TaskError:
    return TaskError(f"{what}: {why}", category=Category.CONFIG, hint=hint)
