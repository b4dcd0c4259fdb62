"""Words of other systems with the installed plugins, whose keywords say themselves what they are called elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

HEAD = "tasks:\n- {id: a, shell: x}\n"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("tasks:\n- {id: a, run: date}\n", "2:11", "no plugin offers the keyword `run` (did you mean `shell`?"),
        ("tasks:\n- {id: a, shell: x, run: date}\n", "2:21", "unknown key `run` (did you mean `shell`?)"),
        (f"run: date\n{HEAD}", "1:1", "unknown key `run` (did you mean `shell`?)"),
        (f"environment: {{A: b}}\n{HEAD}", "1:1", "unknown key `environment` (did you mean `env`?)"),
        (
            "tasks:\n- {id: a, shell: {command: x, environment: {A: b}}}\n",
            "2:31",
            "unknown key `environment` (did you mean `env`?)",
        ),
        (
            f"{HEAD[:-2]}, approval: x}}\n",
            "2:21",
            "unknown key `approval` (a question to a person is a task of its own",
        ),
    ],
)
def test_a_word_of_another_system_is_told_with_ours(
    nika: Nika, write: Callable[[str, str], Path], text: str, place: str, problem: str
) -> None:
    write("w.nika.yaml", text)
    done = nika("validate", "w.nika.yaml", "--format", "compact")
    assert done.code == 2
    (line,) = (line for line in done.out.splitlines() if line.startswith(f"w.nika.yaml:{place}: error NIKA-"))
    assert problem in line
