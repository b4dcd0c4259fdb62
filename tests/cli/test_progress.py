from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from nika_core.cli.group_progress import Groups
from nika_core.cli.progress import ProgressLines, duration_text
from nika_core.errors import Place
from nika_core.model.events import Event, EventKind
from nika_core.model.usage import money_text
from nika_core.model.workflow import Task, Workflow

COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
WORKFLOW = Workflow("w", Path("w.nika.yaml"), (Task("fetch", "http", {}), Task("b", "shell", {})))


def lines(*events: Event) -> list[str]:
    shown: list[str] = []
    observer = ProgressLines(WORKFLOW, write=shown.append)
    for event in events:
        observer(event)
    return shown


def test_each_end_of_a_task_is_a_line_with_its_figures() -> None:
    usage = {"inputTokens": 10, "outputTokens": 5, "costUsd": "0.25"}
    data = {"durationMs": 1234, "attempts": 2, "usage": usage, "truncated": True}
    (line,) = lines(Event(1, "r", 0.0, EventKind.TASK_SUCCEEDED, "fetch", data))
    assert " ".join(line.split()) == "✓ fetch http 1.2 s, 2 attempts, 15 tokens, $0.2500, output cut"


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ([EventKind.TASK_SKIPPED], "1 task, 1 skipped"),
        ([EventKind.TASK_STARTED, EventKind.TASK_SUCCEEDED], "1 task"),
        ([EventKind.TASK_STARTED, EventKind.TASK_FAILED], "1 task, 1 failed"),
    ],
)
def test_an_inner_task_that_failed_and_is_skipped_or_done_again_is_counted_once(
    after: list[EventKind], says: str
) -> None:
    groups = Groups()
    groups.take(Event(1, "r", 0.0, EventKind.TASK_STARTED, "go", {"group": "workflow", "tasks": 1}))
    for kind in (EventKind.TASK_STARTED, EventKind.TASK_FAILED, *after):
        groups.take(Event(2, "r", 0.0, kind, "go/bad", {}))
    group = groups.of("go")
    assert group is not None
    assert group.at_end() == says


def test_what_a_plugin_says_reaches_no_terminal_as_control_code() -> None:
    error = {"code": "NIKA-080", "message": "\x1b[2Jgone\rback"}
    (line,) = lines(Event(1, "r", 0.0, EventKind.TASK_FAILED, "b", {"error": error}))
    assert "\x1b" not in line
    assert "\\x1b[2Jgone\\x0dback" in line


def failed(task: str, message: str, **error: str) -> Event:
    data = {"error": {"code": "NIKA-080", "category": "execution", "message": message, **error}}
    return Event(1, "r", 0.0, EventKind.TASK_FAILED, task, data)


def test_a_failure_is_told_with_its_place_and_its_fix() -> None:
    shown: list[str] = []
    task = Task("deploy", "shell", {}, place=Place("w.nika.yaml", 3, 5))
    observer = ProgressLines(Workflow("w", Path("w.nika.yaml"), (task,)), write=shown.append)
    observer(failed("deploy", "no", hint="do this"))
    assert shown == ["✗ deploy  shell     [NIKA-080] no\n    at w.nika.yaml:3:5\n    hint: do this"]
    assert observer.told == {"deploy"}


def test_a_failure_inside_a_list_is_told_once() -> None:
    started = Event(1, "r", 0.0, EventKind.TASK_STARTED, "fetch", {"group": "each", "items": 2})
    shown = lines(started, failed("fetch[1]", "no"), failed("fetch", "1 of 2 items failed: fetch[1]: no"))
    assert [" ".join(line.split()) for line in shown[1:]] == [
        "✗ fetch[1] http [NIKA-080] no",
        "✗ fetch http [NIKA-080] 1 item, 1 failed",
    ]
    # What fails for another reason says it.
    shown = lines(started, failed("fetch[1]", "no"), failed("fetch", "the output is too long"))
    assert "the output is too long" in shown[-1]


def test_what_is_ended_with_the_run_has_no_line() -> None:
    skipped = Event(1, "r", 0.0, EventKind.TASK_SKIPPED, "b", {"reason": "runCancelled"})
    assert lines(failed("fetch", "interrupted", category="cancelled"), skipped) == []


def test_a_tool_call_is_told_with_its_arguments_in_short_and_why_it_failed() -> None:
    data = {"tool": "fs::read", "arguments": {"path": "a" * 1000, "lines": [1, 2]}, "isError": False}
    (line,) = lines(Event(1, "r", 0.0, EventKind.TOOL_CALLED, "b", data))
    assert line.endswith(f'tool fs::read(path="{"a" * 57}...", lines=[1, 2])')
    data = {"tool": "fs::read", "arguments": {"path": "a\n"}, "isError": True, "message": "no such file:\n a"}
    (line,) = lines(Event(1, "r", 0.0, EventKind.TOOL_CALLED, "b", data))
    assert line.endswith('tool fs::read(path="a\\n") failed: no such file: a')


def test_lines_are_wrapped_at_the_width_of_the_terminal_with_an_indent() -> None:
    shown: list[str] = []
    observer = ProgressLines(WORKFLOW, write=shown.append, columns=lambda: 40)
    observer(failed("b", "one two three four five six seven"))
    assert shown == ["✗ b      shell     [NIKA-080] one two\n    three four five six seven"]
    shown.clear()
    ProgressLines(WORKFLOW, write=shown.append)(failed("b", "one two three four five six seven"))
    assert "\n" not in shown[0]  # in a log


def test_durations_and_money_are_as_short_as_they_can_be() -> None:
    assert [duration_text(each) for each in (0.0123, 1.25, 125)] == ["12 ms", "1.2 s", "2 min 5 s"]
    assert [money_text(each) for each in (0.00123, 12.5, 0)] == ["$0.0012", "$12.50", "$0.0000"]
    # What costs little costs something.
    assert [money_text(each) for each in (0.0000025, Decimal("1E-8"))] == ["$0.0000025", "$0.00000001"]


def on_a_terminal(folder: Path, stream: str, *arguments: str, code: int = 0, **environ: str) -> tuple[bytes, bytes]:
    """Call `nika` with "stdout" or "stderr" on a terminal; gives what it saw, and what the other stream was given."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("nika")), *arguments]
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: theirs}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=plain | {"TERM": "xterm-256color", "COLUMNS": "100"} | environ,
        stdin=subprocess.DEVNULL,
        **streams,
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
    out, err = process.communicate(timeout=120)
    os.close(ours)
    assert process.returncode == code, seen
    return seen, out if stream == "stderr" else err


def test_a_terminal_sees_a_live_view_that_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text('tasks:\n  - {id: slow, shell: "echo [bold]; sleep 0.6; echo done"}\n')
    seen, out = on_a_terminal(tmp_path, "stderr", "run", "w.nika.yaml")
    assert out == b"[bold]\ndone\n"
    shown = COLOUR.sub(b"", seen).decode()
    assert "▶ slow  shell" in shown
    assert "0/1 done" in shown
    assert "✓".encode() in seen
    assert b"\x1b[?25l" in seen
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h")  # the cursor was hidden, and is back


def test_a_terminal_sees_neither_colour_nor_a_live_view_beside_json(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo hi}\n")
    (tmp_path / "bad.nika.yaml").write_text("tasks:\n  - {id: a}\n")
    for stream in ("stderr", "stdout"):
        assert b"\x1b" not in on_a_terminal(tmp_path, stream, "run", "w.nika.yaml", "-v", "--format", "json")[0]
        for command in ("run", "validate"):
            seen, _ = on_a_terminal(tmp_path, stream, command, "bad.nika.yaml", "--format", "json", code=2)
            assert b"\x1b" not in seen
    assert COLOUR.search(on_a_terminal(tmp_path, "stderr", "run", "bad.nika.yaml", code=2)[0])  # where it is


def test_no_color_takes_colour_only(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo hi}\n")
    (tmp_path / "bad.nika.yaml").write_text("tasks:\n  - {id: a}\n")
    seen = on_a_terminal(tmp_path, "stderr", "run", "w.nika.yaml", NO_COLOR="1")[0]
    assert b"\x1b[?25l" in seen
    assert not COLOUR.search(seen)
    for stream in ("stderr", "stdout"):
        for command in ("run", "validate"):
            assert b"\x1b" not in on_a_terminal(tmp_path, stream, command, "bad.nika.yaml", code=2, NO_COLOR="1")[0]


def test_data_has_colour_where_stdout_is_a_terminal_and_not_where_stderr_is_one(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo hi}\n")
    for command in (["plan", "w.nika.yaml"], ["explain", "52"], ["plugins", "show", "shell"], ["providers"]):
        assert b"\x1b" not in on_a_terminal(tmp_path, "stderr", *command)[1], command
        assert b"\x1b[1m" in on_a_terminal(tmp_path, "stdout", *command)[0], command


def test_a_terminal_that_is_closed_takes_neither_the_run_nor_its_output(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text(
        'tasks:\n  - {id: a, shell: "until [ -e closed ]; do :; done; echo data"}\n  - {id: b, shell: "echo {{a}}"}\n'
    )
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("nika")), "run", "w.nika.yaml"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, stdin=subprocess.DEVNULL, text=True
    )
    os.close(theirs)
    while "▶".encode() not in os.read(ours, 65536):
        pass
    os.close(ours)
    (tmp_path / "closed").touch()
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "data\n")
