"""The live view shares a terminal with the lines above it, and with questions: no line is ever erased."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nika_core.cli.live_view import LiveView
from nika_core.model.events import Event, EventKind
from nika_core.model.workflow import Task, Workflow

_PIECES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+")


class Screen(io.StringIO):
    """A terminal of endless length: it knows what the live view sends it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = [""]
        self._at = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for piece in _PIECES.findall(text):
            if piece == "\n":
                self._at += 1
                if self._at == len(self.rows):
                    self.rows.append("")
            elif piece == "\x1b[2K":
                self.rows[self._at] = ""
            elif piece == "\x1b[1A":
                self._at = max(0, self._at - 1)
            elif piece[0] not in "\x1b\r":
                self.rows[self._at] += piece
        return len(text)


def screen_of(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Make stderr a screen; in the test itself, since pytest sets its own for each phase."""
    monkeypatch.setenv("TERM", "xterm")
    shown = Screen()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads take turns as often as they can, so that what can go wrong between two of them does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


WORKFLOW = Workflow("w", Path("w.nika.yaml"), tuple(Task(name, "shell", {}) for name in ("a", "b", "c")))


def started(task: str) -> Event:
    return Event(1, "r", 0.0, EventKind.TASK_STARTED, task, {"attempt": 1})


def ended(task: str) -> Event:
    return Event(1, "r", 0.0, EventKind.TASK_SUCCEEDED, task, {"durationMs": 1})


def test_a_view_that_is_resumed_erases_nothing_that_was_printed_while_it_was_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = screen_of(monkeypatch)
    view = LiveView(WORKFLOW)
    for task in ("a", "b", "c"):
        view(started(task))
    view(ended("a"))  # draws two rows below its line
    view.pause()
    view(ended("b"))
    for line in ("what is asked", "what is answered"):
        screen.write(line + "\n")
    view.resume()
    view.close()
    assert [row.split()[:2] for row in screen.rows if row] == [
        ["✓", "a"],
        ["what", "is"],
        ["what", "is"],
        ["✓", "b"],
    ]


@pytest.mark.usefixtures("eager_threads")
def test_lines_that_are_printed_while_the_view_is_redrawn_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    view = LiveView(WORKFLOW, refresh_seconds=0)
    for turn in range(300):  # the view is two rows high, one, and two again
        view(started("a"))
        view(started("b"))
        view(ended("a"))
        print(f"told {turn}", file=sys.stderr)
        view(ended("b"))
    view.close()
    shown = [" ".join(row.split()[:2]) for row in screen.rows if row]
    assert shown == [line for turn in range(300) for line in ("✓ a", f"told {turn}", "✓ b")]
