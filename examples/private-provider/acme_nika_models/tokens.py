"""A rotating token: in a file that another program rewrites, or from a command that prints the current one."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

from nika_core.plugin import Category, TaskError

_PATIENCE = 10.0  # seconds that the command has


class Tokens:
    """Returns the token for each call.

    `ACME_TOKEN_FILE` is read for every call, because that is cheap. The output of `ACME_TOKEN_COMMAND` is kept until
    the gateway refuses it. `ACME_TOKEN` never changes.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._file = environ.get("ACME_TOKEN_FILE")
        self._command = environ.get("ACME_TOKEN_COMMAND")
        self._kept = environ.get("ACME_TOKEN", "")
        self._fresh = False
        self._turn = asyncio.Lock()
        self.seen: set[str] = set()  # so that none of them is ever shown

    async def current(self, refused: str | None = None) -> str:
        """Return the token; `refused` is one that the gateway no longer accepts. Raises TaskError (category config)."""
        async with self._turn:  # calls that find out at the same time ask once
            if self._file:
                self._kept = (await asyncio.to_thread(self._read, Path(self._file))).strip()
            elif self._command and (not self._fresh or self._kept == refused):
                self._kept = await self._ask(self._command)
                self._fresh = True
            if not self._kept:
                raise TaskError(
                    "there is no token for acme",
                    category=Category.CONFIG,
                    hint="set ACME_TOKEN_FILE, ACME_TOKEN_COMMAND or ACME_TOKEN",
                )
            self.seen.add(self._kept)
            return self._kept

    def _read(self, path: Path) -> str:
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaskError(
                f"ACME_TOKEN_FILE names {str(path)!r}, which cannot be read: {error}", category=Category.CONFIG
            ) from error

    async def _ask(self, command: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                *shlex.split(command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            out, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise TaskError(f"ACME_TOKEN_COMMAND cannot be run: {error}", category=Category.CONFIG) from error
        if process.returncode:
            raise TaskError(f"ACME_TOKEN_COMMAND ended with {process.returncode}", category=Category.CONFIG)
        return out.decode("utf-8", "replace").strip()
