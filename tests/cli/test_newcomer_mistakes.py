"""What people write on their first day: each mistake is one error at its place, with the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Nika = Callable[..., Any]
Write = Callable[[str, str], Path]
Found = list[tuple[str, str, str]]  # place, a part of the message, a part of the hint

MISPLACED: dict[str, tuple[str, Found]] = {
    "fields of the payload beside a short keyword": (
        """\
        agent: {model: mock}
        tasks:
          - id: a
            llm: hi
            model: mock
            temperatur: 1
          - id: b
            shell: ls
            cwd: sub
        """,
        [
            ("5:5", "`model` belongs under `llm:`", "`llm: {prompt: ..., model: ...}`"),
            ("6:5", "`temperatur`", "`llm: {prompt: ..., temperature: ...}`"),
            ("9:5", "`cwd`", "`shell: {command: ..., workingDir: ...}`"),
        ],
    ),
    "keys of v4 in a file that is not v4, and all else that is wrong with it": (
        """\
        agent: {model: mock}
        tasks:
          - id: a
            http: https://x.example
            method: POST
          - id: b
            shell: {command: "echo {{nope}}", timeout: 3s}
            config: {retry: {max: 2}}
        flows: [{source: a, target: zz}]
        outputs: "{{b}}"
        """,
        [
            ("5:5", "`method` belongs under `http:`", "`http: {url: ..., method: ...}`"),
            ("7:28", "no task 'nope'", "the tasks are"),
            ("7:39", "`timeout`", "stands on the task, beside `shell`"),
            ("8:5", "`config`", "`nika migrate FILE`"),
            ("9:29", "'zz' is not a task", "the tasks are"),
        ],
    ),
}


@pytest.mark.parametrize("case", MISPLACED)
def test_a_key_in_the_wrong_place_is_reported_with_the_right_one(case: str, nika: Nika, write: Write) -> None:
    check(nika, write, *MISPLACED[case])


def check(nika: Nika, write: Write, text: str, expected: Found) -> None:
    """Check that these are all problems, in this order."""
    write("w.nika.yaml", text)
    problems = nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
    shown = "\n".join(map(str, problems))
    assert [f"{each['line']}:{each['column']}" for each in problems] == [place for place, _, _ in expected], shown
    for problem, (_, message, hint) in zip(problems, expected, strict=True):
        assert message in problem["message"], shown
        assert hint in problem.get("hint", ""), shown
