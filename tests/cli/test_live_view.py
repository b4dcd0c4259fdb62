"""The live view shares a terminal with the lines above it, and with questions: no line is ever erased."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nika_core.cli.console import allow_colours
from nika_core.cli.live_view import LiveView
from nika_core.model.events import Event, EventKind
from nika_core.model.workflow import Task, Workflow

from .screen import Screen


def screen_of(monkeypatch: pytest.MonkeyPatch, columns: int = 100, rows: int = 30, **more: str) -> Screen:
    """Make stderr a screen; in the test itself, since pytest sets its own for each phase."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    allow_colours(True)  # as every command does: one before may have printed JSON
    shown = Screen(columns, **more)
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
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NEVER = 3600.0  # seconds: the view draws what it is told to


def started(task: str, **data: object) -> Event:
    return Event(1, "r", 0.0, EventKind.TASK_STARTED, task, {"attempt": 1, "keyword": "shell", **data})


def ended(task: str) -> Event:
    return Event(1, "r", 0.0, EventKind.TASK_SUCCEEDED, task, {"durationMs": 1})


def failed(task: str, message: str, **error: object) -> Event:
    data = {"error": {"code": "NIKA-080", "category": "execution", "message": message, **error}}
    return Event(1, "r", 0.0, EventKind.TASK_FAILED, task, data)


def still_view(workflow: Workflow = WORKFLOW) -> LiveView:
    """A view whose thread draws nothing after the first time: the test does."""
    return LiveView(workflow, gather_seconds=NEVER, clock=lambda: 12.0)


def test_a_view_that_is_resumed_erases_nothing_that_was_printed_while_it_was_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = screen_of(monkeypatch)
    view = still_view()
    for task in ("a", "b", "c"):
        view(started(task))
    view(ended("a"))
    view.draw()
    assert len(screen.seen()) == 4  # a line, the head, and two rows
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
    view = LiveView(WORKFLOW, gather_seconds=0)
    for turn in range(300):  # the view is two rows high, one, and two again
        view(started("a"))
        view(started("b"))
        view(ended("a"))
        print(f"told {turn}", file=sys.stderr)
        view(ended("b"))
    view.close()
    shown = [" ".join(row.split()[:2]) for row in screen.rows if row]
    assert shown == [line for turn in range(300) for line in ("✓ a", f"told {turn}", "✓ b")]


def test_a_thousand_lines_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    workflow = Workflow("w", Path("w"), tuple(Task(f"t{number}", "set", {}) for number in range(1000)))
    view = still_view(workflow)
    for number in range(1000):
        view(started(f"t{number}"))
        view(ended(f"t{number}"))
    before = screen.writes
    view.draw()
    assert screen.writes == before + 1
    assert screen.seen()[:-1] == [f"✓ t{number} set 1 ms" for number in range(1000)]
    assert screen.seen()[-1] == "── w · 12 s · 1000/1000 done"
    view.close()
    assert len(screen.seen()) == 1000


def test_a_terminal_that_has_become_narrower_keeps_nothing_of_the_view_that_it_broke(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = screen_of(monkeypatch)
    view = still_view()
    view(failed("c", "no"))
    view(started("a"))
    view(Event(0, "r", 0.0, EventKind.CHUNK, "a", {"text": "x" * 200}))
    view.draw()
    assert len(screen.rows[-2]) > 60
    for columns in (60, 20, 19):
        screen.resize(columns)
        monkeypatch.setenv("COLUMNS", str(columns))
        view.draw()
        assert sum("a" in row.split() for row in screen.rows) == 1, screen.rows
        assert sum("1/3" in row or "0/3" in row for row in screen.rows) == 1, screen.rows
        assert all(len(row) < columns for row in screen.rows[-3:])
    view.close()
    assert "".join(screen.seen()).replace(" ", "") == "✗cshell[NIKA-080]no"


def test_each_change_leaves_the_terminal_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    view = still_view()
    view(started("a"))
    view.draw()  # a process that is killed now leaves a cursor, and a terminal that breaks lines
    assert screen.shown.count("\x1b[?25l") == screen.shown.count("\x1b[?25h") > 0
    assert screen.shown.rindex("\x1b[?7h") > screen.shown.rindex("\x1b[?7l")
    view.close()


def test_a_terminal_that_is_gone_is_not_written_to_again(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch)
    view = still_view()
    view(started("a"))
    view.draw()
    screen.refuses = True
    view(ended("a"))
    view.draw()
    screen.refuses, before = False, screen.writes
    view.draw()
    view.close()
    assert screen.writes == before


def test_what_is_printed_has_no_control_codes_and_a_bar_that_rewrites_its_line_ends_as_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = screen_of(monkeypatch)
    view = still_view()
    ours = sys.stderr
    print("\x1b[2J\x1b[1;1Hhello\u202e", file=sys.stderr)
    sys.stderr.write("loading 1%\rloading 50%\rloading 100%")
    sys.stderr.flush()
    print("\r\ndone", file=sys.stderr)
    view.close()
    assert screen.seen() == ["\\x1b[2J\\x1b[1;1Hhello\\u202e", "loading 100%", "done"]
    print("later", file=ours)  # a library that kept the stream
    assert screen.seen()[-1] == "later"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b]0;title\x07",
        "\u202eabc\u2066",
        "x" * 1_000_000,
        "\u0301" * 10_000,
        "日本語" * 1000,
        "a\rb\nc\td\x00",
    ],
    ids=["codes", "directions", "a long line", "marks without width", "wide", "ends of lines"],
)
def test_hostile_text_stays_text_on_one_row(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    screen = screen_of(monkeypatch, 60)
    workflow = Workflow(text, Path("w"), WORKFLOW.tasks)
    view = still_view(workflow)
    for task in ("a", "b", "c"):
        view(started(task))
    error = {"code": "NIKA-080", "message": text}
    view(Event(0, "r", 0.0, EventKind.CHUNK, "a", {"text": text}))
    view(Event(0, "r", 0.0, EventKind.PROGRESS, "b", {"done": 1, "total": 2, "text": text}))
    view(Event(0, "r", 0.0, EventKind.TASK_WAITING, "c", {"about": {"kind": "question", "message": text}}))
    view.draw()
    view(Event(0, "r", 0.0, EventKind.TASK_RETRYING, "b", {"delay": 3.0, "error": error}))
    tool = {"tool": text, "arguments": {text: text}, "isError": True, "message": text}
    view(Event(0, "r", 0.0, EventKind.TOOL_CALLED, "a", tool))
    view.draw()
    area = screen.rows[-5:-1]
    assert [row[:3] for row in area] == ["── ", "? c", "▶ a", "… b"]
    assert all(len(row) < 60 for row in area)
    view.close()


def test_a_terminal_whose_encoding_lacks_the_marks_is_given_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(monkeypatch, encoding="ascii")
    view = still_view(Workflow("café", Path("w"), WORKFLOW.tasks))
    view(ended("a"))
    view(failed("b", "nö"))
    view(started("c", group="each", items=4))
    view(ended("c[0]"))
    view.draw()
    assert screen.seen() == [
        "+ a shell 1 ms",
        "x b shell [NIKA-080] n?",
        "-- caf? | 12 s | 1/3 done | 1 running | 1 failed",
        "> c shell 12 s #####............... 1/4 items",
    ]
    view.close()


def test_no_color_takes_the_colour_and_leaves_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = screen_of(monkeypatch)
    view = still_view()
    view(started("a"))
    view(failed("b", "no", hint="do"))
    view.draw()
    assert screen.seen()[-1] == "▶ a shell 12 s"
    assert not COLOUR.search(screen.shown)
    view.close()
    monkeypatch.delenv("NO_COLOR")
    view = still_view()
    view(failed("b", "no", hint="do"))
    view.close()
    assert COLOUR.search(screen.shown)
