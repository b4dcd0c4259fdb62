"""`nika runs watch` in a real terminal: tmux, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from .conftest import PATIENCE, Project, recorded

NIKA = str(Path(sys.executable).with_name("nika"))
pytestmark = [pytest.mark.beside, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]


class Tmux:
    """A terminal of a server of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = str(folder / "tmux")

    def __call__(self, *arguments: str) -> str:
        environ = {**os.environ, "LC_ALL": "C.UTF-8", "NIKA_TRUST": "1", "TERM": "xterm-256color"}
        command = ["tmux", "-f", "/dev/null", "-S", self._socket, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    def start(self, width: int, height: int, *arguments: str, code: str = "") -> int:
        """Start `nika runs watch`; return its process, or that of a shell that writes its exit code to a file."""
        watch = f"{NIKA} runs watch {' '.join(arguments)}"
        shell = f"echo $$ > pid; {watch}; echo $? > {code}" if code else f"echo $$ > pid; exec {watch}"
        self("new-session", "-d", "-x", str(width), "-y", str(height), shell, ";", "set", "-g", "remain-on-exit", "on")
        self.until(lambda: (self.folder / "pid").exists() and (self.folder / "pid").read_text().strip())
        return int((self.folder / "pid").read_text())

    @property
    def screen(self) -> list[str]:
        return self("capture-pane", "-p").splitlines()

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, "\n".join(self.screen)
            time.sleep(0.05)

    def shows(self, *texts: str) -> None:
        """Wait until all of these are in sight."""
        self.until(lambda: all(text in "\n".join(self.screen) for text in texts))

    def keys(self, *keys: str) -> None:
        self("send-keys", *keys)


@pytest.fixture
def tmux(project: Project) -> Iterator[Tmux]:
    terminal = Tmux(project.folder)
    try:
        yield terminal
    finally:
        subprocess.run(["tmux", "-S", str(project.folder / "tmux"), "kill-server"], capture_output=True, check=False)


def fits(tmux: Tmux, height: int) -> bool:
    """Whether the head, the last item and the keys are where they belong."""
    screen = tmux.screen
    return (
        len(screen) == height
        and screen[0].startswith("long")
        and "[9999]" in screen[-2]
        and screen[-1].startswith("enter")
    )


def test_a_run_of_ten_thousand_items_at_three_sizes_and_in_twenty_columns(project: Project, tmux: Tmux) -> None:
    recorded(project.folder, 10_000)
    tmux.start(100, 30, code="code")
    tmux.shows("1 runs", "long", "enter opens")
    tmux.keys("Enter")
    tmux.shows("10000/10000", "10000 success")
    tmux.keys("Space")
    tmux.shows("[20]")
    tmux.keys("End")
    tmux.shows("[9999]")
    for width, height in ((60, 15), (200, 60), (20, 10)):
        tmux("resize-window", "-x", str(width), "-y", str(height))
        tmux.until(partial(fits, tmux, height))
    tmux.keys("q")
    ended = tmux.folder / "code"  # tmux does not always get to know it
    tmux.until(lambda: ended.exists() and ended.read_text() == "0\n")


def is_alive(process: int) -> bool:
    """Whether it has not ended. One that has may stay a zombie: its parent was the server of tmux."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_ends_when_its_terminal_is_gone(project: Project, tmux: Tmux) -> None:
    recorded(project.folder, 3)
    process = tmux.start(80, 20, "last")
    tmux.shows("[2]", "3 success")
    tmux("kill-server")
    deadline = time.monotonic() + PATIENCE
    while is_alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.05)
