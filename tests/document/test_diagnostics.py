"""Frames with the caret under the exact column, and nothing that a terminal would act upon."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.document.diagnostics import (
    file_json,
    problem_json,
    render_compact,
    render_pretty,
    visible,
)
from nika_core.errors import Place, Problem, Severity


def test_a_frame_shows_the_line_the_caret_and_the_help() -> None:
    problem = Problem("NIKA-004", "unknown key `timout`", Place("w.nika.yaml", 2, 3, 9), "did you mean `timeout`?")
    assert render_pretty(problem, "a: 1\n  timout: 3\n") == (
        "error[NIKA-004]: unknown key `timout`\n"
        " --> w.nika.yaml:2:3\n"
        "  |\n"
        "2 |   timout: 3\n"
        "  |   ^^^^^^\n"
        "  = help: did you mean `timeout`?"
    )


@pytest.mark.parametrize(
    ("line", "column", "shown", "caret"),
    [
        ("ab@", 3, "ab@", 2),
        ("\t@", 2, "    @", 4),
        ("a\t@", 3, "a   @", 4),
        ("日本@", 3, "日本@", 4),
        ("é@", 2, "é@", 1),
        ("e\u0301@", 3, "e\u0301@", 1),
        ("😀@", 2, "😀@", 2),
        ("\x1b[31m@", 6, "␛[31m@", 5),
        ("a\u202eb@", 4, "a<U+202E>b@", 10),
    ],
)
def test_the_caret_stands_under_the_character(line: str, column: int, shown: str, caret: int) -> None:
    frame = render_pretty(Problem("NIKA-001", "m", Place("f", 1, column)), line).split("\n")
    assert frame[3] == f"1 | {shown}"
    assert frame[4] == f"  | {' ' * caret}^"


def test_a_long_line_is_cut_around_the_caret() -> None:
    line = "x" * 5000 + "@" + "y" * 5000
    frame = render_pretty(Problem("NIKA-001", "m", Place("f", 1, 5001)), line).split("\n")
    assert len(frame[3]) < 120
    assert frame[3][frame[4].index("^")] == "@"


@given(st.text(max_size=80), st.text(max_size=80), st.integers(1, 5), st.integers(1, 90), st.integers(1, 95))
def test_no_control_character_gets_through(text: str, message: str, line: int, column: int, end: int) -> None:
    problem = Problem("NIKA-001", message, Place("f\x1b\n", line, column, end), message)
    pretty, compact = render_pretty(problem, text), render_compact(problem)
    for shown in (pretty.replace("\n", ""), compact):
        assert all(character >= " " and not "\x7f" <= character <= "\x9f" for character in shown)
        assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f\u2028\u2029\ufeff") & set(shown)


def test_a_compact_problem_is_one_line() -> None:
    problem = Problem("NIKA-041", "two\nlines", Place("f", 3, 4), "a\nhint", Severity.WARNING)
    assert render_compact(problem) == "f:3:4: warning NIKA-041: two⏎lines (a⏎hint)"


def test_colours_are_asked_for_by_name_and_only_there() -> None:
    asked = []

    def style(text: str, *names: str) -> str:
        asked.append(names)
        return f"<{text}>"

    assert "<error[NIKA-001]>" in render_pretty(Problem("NIKA-001", "m", Place("f", 1, 1)), "x", style=style)
    assert ("red", "bold") in asked


def test_json_is_as_the_command_line_promises(load: Callable[..., Any]) -> None:
    found = file_json(Path("w.nika.yaml"), load("tasks:\n- {id: a, shell: x, timout: 3}\n"))
    assert json.loads(json.dumps(found)) == {
        "path": "w.nika.yaml",
        "valid": False,
        "tasks": 1,
        "flows": 0,
        "problems": [
            {
                "code": "NIKA-004",
                "severity": "error",
                "message": "unknown key `timout`",
                "line": 2,
                "column": 21,
                "hint": "did you mean `timeout`?",
            }
        ],
    }
    assert problem_json(Problem("NIKA-003", "m")) == {"code": "NIKA-003", "severity": "error", "message": "m"}


def test_a_problem_without_a_place_is_a_line_and_a_help() -> None:
    assert render_pretty(Problem("NIKA-009", "m", None, "h"), "text") == "error[NIKA-009]: m\n = help: h"


def test_what_is_invisible_is_shown() -> None:
    assert visible("a\x00\x1b\u200b\x9b") == "a␀␛<U+200B><U+009B>"
