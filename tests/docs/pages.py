"""Pages of the book, followed literally: their files are written, their commands run, their output compared.

```yaml title="rows.nika.yaml"    a file, written as it stands
```sh                             commands, run in order in one shell session
```text                           what the commands before it print; … stands for anything
```console                        shown only: what a reader does elsewhere
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(`{3,})(\w*)(.*?)\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` counts from 1; `title` is the file's path, or empty."""

    language: str
    title: str
    text: str
    line: int
    marks: str = ""


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        title = _TITLE.search(match[3])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match[2], title[1] if title else "", match[4], line, match[3]))
    return found


def files(page: Path) -> Iterator[Block]:
    """The blocks that are files."""
    return (block for block in blocks(page) if block.title)


class Session:
    """A shell whose folder and variables last from block to block."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self._state = folder / ".session"
        self._environ = dict(environ)

    @property
    def here(self) -> Path:
        """The folder in which the session is now."""
        place = self._state / "folder"
        return Path(place.read_text().strip()) if place.exists() else self.folder

    def run(self, commands: str, timeout: float = 180) -> str:
        """Run commands; gives stdout and stderr as they came. The last one must succeed."""
        self._state.mkdir(exist_ok=True)
        variables = self._state / "variables"
        script = (
            f"[ -f '{variables}' ] && . '{variables}'\ncd '{self.here}'\nset -e -o pipefail\n{commands}\n"
            f"pwd > '{self._state}/folder'\nexport -p > '{variables}'\n"
        )
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-c", script],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}"
        return done.stdout

    def follow(self, page: Path) -> None:
        """Do what the page says. Raises AssertionError with the line of the page."""
        said = ""
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            if block.title:
                path = self.here / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.language == "sh":
                try:
                    said = self.run(block.text)
                except AssertionError as error:
                    raise AssertionError(f"{where}: {error}") from None
            elif block.language == "text":
                assert matches(block.text, said), f"{where}: expected\n{block.text}\nbut saw\n{said}"


def matches(expected: str, seen: str) -> bool:
    """Whether it is what was seen; `…` stands for anything, white space at the ends of lines does not count."""
    expected = _trimmed(expected).replace("… ms", "…")  # on a busy machine it takes seconds
    pattern = ".*?".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, _trimmed(seen), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def offline(wheelhouse: Path, libraries: Path, home: Path) -> dict[str, str]:
    """An environment in which `pip install` finds our wheels, and other people's packages are there already."""
    import sys

    programs = home / "programs"
    programs.mkdir(parents=True)
    base = getattr(sys, "_base_executable", sys.executable)
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
    (programs / "python3").chmod(0o755)
    return {
        "PATH": os.pathsep.join([str(programs), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(home),
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(libraries),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "MYPY_CACHE_DIR": str(home / "mypy"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheelhouse),
        "PIP_NO_BUILD_ISOLATION": "false",  # pip's own way to say: no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_QUIET": "1",
    }
