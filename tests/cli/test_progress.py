from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

from nika_core.cli.progress import Lines, duration_text, money_text
from nika_core.model.events import Event, EventKind
from nika_core.model.workflow import Task, Workflow

WORKFLOW = Workflow("w", Path("w.nika.yaml"), (Task("fetch", "http", {}), Task("b", "shell", {})))


def lines(*events: Event) -> list[str]:
    shown: list[str] = []
    observer = Lines(WORKFLOW, write=shown.append)
    for event in events:
        observer(event)
    return shown


def test_each_end_of_a_task_is_a_line_with_its_figures() -> None:
    usage = {"inputTokens": 10, "outputTokens": 5, "costUsd": "0.25"}
    data = {"durationMs": 1234, "attempts": 2, "usage": usage, "truncated": True}
    (line,) = lines(Event(1, "r", 0.0, EventKind.TASK_SUCCEEDED, "fetch", data))
    assert " ".join(line.split()) == "✓ fetch http 1.2 s, 2 attempts, 15 tokens, $0.2500, output cut"


def test_what_a_plugin_says_reaches_no_terminal_as_control_code() -> None:
    error = {"code": "NIKA-080", "message": "\x1b[2Jgone\rback"}
    (line,) = lines(Event(1, "r", 0.0, EventKind.TASK_FAILED, "b", {"error": error}))
    assert "\x1b" not in line
    assert "\\x1b[2Jgone\\x0dback" in line


def test_durations_and_money_are_as_short_as_they_can_be() -> None:
    assert [duration_text(each) for each in (0.0123, 1.25, 125)] == ["12 ms", "1.2 s", "2 min 5 s"]
    assert [money_text(each) for each in (0.00123, 12.5)] == ["$0.0012", "$12.50"]


def test_a_terminal_sees_a_live_view_that_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text('tasks:\n  - {id: slow, shell: "echo [bold]; sleep 0.6; echo done"}\n')
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("nika")), "run", "w.nika.yaml"]
    environ = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    environ.pop("NO_COLOR", None)
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL
    )
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side has closed
            break
        if not data:
            break
        seen += data
    out, _ = process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == 0, seen
    assert out == b"[bold]\ndone\n"
    assert "▶ slow".encode() in seen
    assert "✓".encode() in seen
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h")  # the cursor was hidden, and is back
