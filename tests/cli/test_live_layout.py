"""What the live view shows of a run, for a width and a height; time is given."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nika_core.cli.cells import columns, cut, cut_start, wrap
from nika_core.cli.group_progress import Groups
from nika_core.cli.live_layout import clock_text, layout
from nika_core.cli.live_state import LiveState
from nika_core.cli.marks import UNICODE
from nika_core.model.events import Event, EventKind
from nika_core.model.limits import Limit, LimitKind, Limits, Unit
from nika_core.model.workflow import Task, Workflow

KINDS = {"start": EventKind.TASK_STARTED, "end": EventKind.TASK_SUCCEEDED, "fail": EventKind.TASK_FAILED}
LIMITS = Limits(
    [
        Limit(LimitKind.RUN_TOKENS, 100_000, Unit.TOKENS, "NIKA_MAX_TOKENS_TOTAL"),
        Limit(LimitKind.RUN_COST, Decimal(5), Unit.USD, "NIKA_MAX_COST"),
    ]
)


class Shown:
    """A run of tasks `t0`, `t1` ... and what the view shows of it."""

    def __init__(self, tasks: int = 10, name: str = "release") -> None:
        made = tuple(Task(f"t{number}", "shell", {}) for number in range(tasks))
        self._groups = Groups()
        self.state = LiveState(Workflow(name, Path("w"), made), self._groups, LIMITS)
        self("run.started", None)

    def __call__(self, kind: str, task: str | None, at: float = 0.0, **data: Any) -> None:
        event = Event(1, "r", at, KINDS.get(kind, kind), task, data)  # type: ignore[arg-type]
        event = event._replace(kind=EventKind(event.kind))
        self._groups.take(event)
        self.state.take(event)

    def rows(self, width: int = 100, height: int = 30, now: float = 60.0) -> list[str]:
        """The lines, as text."""
        lines = ["".join(text for text, _ in line) for line in layout(self.state, width, height, now, UNICODE)]
        assert len(lines) < height
        assert all(columns(line) <= width for line in lines), lines
        return lines


def usage(tokens: int, cost: str = "0", **more: Any) -> dict[str, Any]:
    return {"inputTokens": tokens, "outputTokens": 0, "costUsd": cost, "unpriced": [], **more}


def test_the_head_tells_time_counts_tokens_and_cost_against_the_budget() -> None:
    run = Shown()
    for task in ("t0", "t1", "t2", "t3", "t4"):
        run("start", task)
    run("end", "t0")
    run("fail", "t1", error={"category": "execution"})
    run("task.waiting", "t2", about={"kind": "question", "message": "Go?"})
    run("task.skipped", "t9", reason="condition")
    run("model.called", "t3", usage=usage(1500, "0.25"))
    run("model.called", "t3", usage=usage(1500, "0.25"), reused=True)
    assert run.rows(120, now=125.0)[0] == (
        "── release · 2:05 · 2/10 done · 2 running · 1 waiting · 1 failed · 1.5k of 100k tokens · $0.2500 of $5.00"
    )
    assert run.rows(80, now=125.0)[:2] == [
        "── release · 2:05 · 2/10 done · 2 running · 1 waiting · 1 failed",
        "   1.5k of 100k tokens · $0.2500 of $5.00",
    ]
    assert run.rows(20, now=125.0)[0] == "2/10 · 1 failed"


def test_what_a_task_used_counts_once_and_with_the_calls_that_failed() -> None:
    run = Shown()
    run("start", "t0")
    run("model.called", "t0", usage=usage(100, "0.01"))
    run("end", "t0", usage=usage(130, "0.03"))
    run("start", "t1")
    run("model.called", "t1", usage=usage(70, "0.01"))
    assert "200 of 100k tokens · $0.0400 of $5.00" in run.rows(120)[0]
    run("model.called", "t1", usage=usage(0, unpriced=["m"]))
    assert run.rows(120)[0].endswith("$0.0400 of $5.00 + unpriced")


def test_rows_are_aligned_and_tell_keyword_attempt_seconds_and_the_end_of_a_stream() -> None:
    run = Shown()
    run("start", "t0", keyword="shell")
    run("start", "t1", at=50.0, keyword="agent")
    run("start", "t1", at=55.0, attempt=2)
    run("task.chunk", "t0", at=59.0, text="one\r\nlast line\n")
    run("task.chunk", "t1", at=59.0, text="word " * 100)
    first, second = run.rows(60)[1:]
    assert first == "▶ t0  shell         1:00  last line"
    assert second.startswith("▶ t1  agent  try 2  10 s  …")
    assert second.endswith("word word")


def test_what_changed_last_comes_first_and_an_open_question_before_it() -> None:
    run = Shown()
    for number in range(6):
        run("start", f"t{number}", at=float(number))
    run("task.chunk", "t5", at=59.0, text="x")
    run("task.chunk", "t3", at=58.5, text="x")
    run("task.waiting", "t4", at=1.0, about={"kind": "question", "message": "Deploy?"})
    run("task.waiting", "t2", at=59.0, about={"kind": "batch", "provider": "claude"})
    order = [row.split()[1] for row in run.rows()[1:]]
    assert order == ["t4", "t3", "t5", "t0", "t1", "t2"]
    assert "Deploy?" in run.rows()[1]
    assert "waits for a batch of 'claude'" in run.rows()[-1]
    run("signal.received", "t4", at=60.0, payload=True)
    assert "t4" not in [row.split()[1] for row in run.rows()[1:]]


def test_rows_that_find_no_room_are_counted() -> None:
    run = Shown(40)
    for number in range(40):
        run("start", f"t{number}")
    rows = run.rows(60, 15)
    assert len(rows) == 10
    assert rows[-1] == "  +32 more"
    assert run.rows(60, 2)[0].startswith("── release")
    assert len(run.rows(60, 2)) == 1
    assert len(run.rows(200, 60)) == 40


def test_a_list_is_one_row_with_a_bar_and_a_question_of_an_item_another() -> None:
    run = Shown()
    run("start", "t0", group="each", items=4)
    for number in range(4):
        run("start", f"t0[{number}]")
    run("end", "t0[0]")
    run("fail", "t0[1]", error={"category": "execution"})
    run("task.waiting", "t0[2]", about={"kind": "question", "message": "This one?"})
    run("task.chunk", "t0[3]", at=59.0, text="hello")
    assert run.rows()[1:] == [
        "? t0[2]  shell  1:00  This one?",
        "▶ t0     shell  1:00  ██████████░░░░░░░░░░  2/4 items, 1 failed, 1 running  t0[3]: hello",
    ]
    run("end", "t0[2]")
    run("end", "t0[3]")
    run("end", "t0")
    assert len(run.rows()) == 1


def test_a_retry_tells_when_and_why_and_a_tool_call_what_it_was_given() -> None:
    run = Shown()
    run("start", "t0")
    run("task.retrying", "t0", at=58.0, delay=5.0, attempt=1, error={"code": "NIKA-061", "message": "timed out"})
    run("start", "t1")
    run("tool.called", "t1", at=59.0, tool="fs::read", arguments={"path": "a"}, isError=True, message="no such file")
    assert run.rows()[1:] == [
        "… t0  shell  try 2  1:00  in 3 s: [NIKA-061] timed out",
        '▶ t1  shell         1:00  fs::read(path="a") failed: no such file',
    ]


def test_a_step_that_tells_how_far_it_is_has_a_bar() -> None:
    run = Shown()
    run("start", "t0")
    run("task.progress", "t0", at=59.0, done=5.0, total=10.0, text="reading")
    assert run.rows()[1] == "▶ t0  shell  1:00  ██████████░░░░░░░░░░  5/10 reading"


def test_a_run_of_one_task_shows_its_text_as_it_comes() -> None:
    run = Shown(1)
    run("start", "t0")
    run("task.chunk", "t0", at=59.0, text="".join(f"line {number}\n\n" for number in range(100)) + "and " * 40)
    rows = run.rows(60, 12)
    assert rows[1] == "▶ t0  shell  1:00"
    assert len(rows) == 11
    assert [row.strip() for row in rows[2:8]] == ["line 97", "", "line 98", "", "line 99", ""]
    assert rows[-1].endswith("and")


def test_a_run_of_one_list_shows_its_bar() -> None:
    run = Shown(1)
    run("start", "t0", group="each", items=2)
    run("start", "t0[1]")
    run("task.chunk", "t0[1]", text="hello")
    assert run.rows()[1:] == ["▶ t0  shell  1:00  ░░░░░░░░░░░░░░░░░░░░  0/2 items, 1 running  t0[1]: hello"]


def test_interrupted_tasks_are_no_failures() -> None:
    run = Shown()
    for number in range(5):
        run("start", f"t{number}")
        run("fail", f"t{number}", error={"category": "cancelled", "message": "interrupted"})
    assert run.rows() == ["── release · 1:00 · 0/10 done · 5 interrupted"]


def test_a_task_that_is_done_again_is_no_longer_failed() -> None:
    run = Shown()
    run("start", "t0")
    run("fail", "t0", error={"category": "execution"})
    assert "1 failed" in run.rows()[0]
    run("start", "t0", epoch=2)
    assert "failed" not in run.rows()[0]


@pytest.mark.parametrize("width", [1, 2, 5, 10, 19, 30, 60, 200])
@pytest.mark.parametrize("height", [1, 2, 3, 10, 60])
def test_any_size_has_lines_that_fit(width: int, height: int) -> None:
    run = Shown(name="日本語の名前" * 10)
    run("start", "t0", group="each", items=10_000)
    run("start", "t1")
    run("task.chunk", "t1", text="日本語" * 100)
    run("task.waiting", "t2", about={"kind": "question", "message": "é" * 500})
    run("model.called", "t1", usage=usage(1500, "0.25"))
    lines = layout(run.state, width, max(height, 2), 60.0, UNICODE)
    assert all(columns("".join(text for text, _ in line)) <= width for line in lines)
    assert 1 <= len(lines) < max(height, 2)


def test_clocks_have_whole_seconds() -> None:
    assert [clock_text(each) for each in (-3, 0.9, 59.9, 60, 3725)] == ["0 s", "0 s", "59 s", "1:00", "1:02:05"]


def test_text_is_cut_and_wrapped_by_columns() -> None:
    assert [cut("abcdef", 4, "…"), cut("日本語", 4, "…"), cut("abc", 3, "…"), cut("abc", 0, "…")] == [
        "abc…",
        "日…",
        "abc",
        "",
    ]
    assert [cut_start("abcdef", 4, "…"), cut_start("日本語", 4, "…")] == ["…def", "…語"]
    assert wrap("  aa bb cc dd", 8, 2) == "  aa bb\n    cc\n    dd"
    assert wrap("\x1b[31maa\x1b[0m bb", 5, 2) == "\x1b[31maa\x1b[0m bb"
    assert wrap("日本 日本 日本", 10, 1) == "日本 日本\n 日本"
    assert wrap("x" * 50 + " y", 10, 1) == "x" * 50 + "\n y"
