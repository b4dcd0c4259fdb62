"""Checks of a command, through the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nika_core.testing.errors import require

HELP: Final = "help"


def call_nika(
    *arguments: object, folder: Path | None = None, environ: Mapping[str, str] | None = None, timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Call the `nika` program with these arguments in a process of its own.

    Args:
        folder: where it is called; without it, here.
        environ: variables added to those of this process, and to NIKA_TRUST=1: project files of tests are their
            author's.
        timeout: seconds, after which TimeoutExpired is raised.
    """
    return subprocess.run(
        [sys.executable, "-m", "nika_core", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "NIKA_TRUST": "1", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check_help(word: str) -> None:
    """Check that `nika --help` lists the command and `nika WORD --help` explains it, both without any noise.

    Of a command in a group (`runs.watch`) that is `nika runs --help`, and `nika runs watch --help`.

    Raises:
        NotConformant: with what was printed in its place.
    """
    *groups, last = word.split(".")
    listed = call_nika(*groups, "--help")
    words = [line.split()[0] for line in listed.stdout.splitlines() if line.startswith("  ") and line.strip()]
    shown = " ".join(("nika", *groups))
    require(last in words, HELP, f"`{shown} --help` does not list {last}: {listed.stderr[:200]}")
    done = call_nika(*groups, last, "--help")
    require(done.returncode == 0, HELP, f"`nika {word} --help` exits with {done.returncode}: {done.stderr[:300]}")
    require("Usage: nika " in done.stdout, HELP, f"`nika {word} --help` prints no usage: {done.stdout[:200]!r}")
    require(not done.stderr, HELP, f"`nika {word} --help` prints more than its help: {done.stderr[:200]!r}")
