"""The command that answers a question: people paste it, and a stranger may have named its fields and choices."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nika_core.model.answer_line import answer_command_line
from nika_core.model.question import Question
from nika_core.model.text import visible
from nika_core.model.workflow import InputSpec

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12) | st.sampled_from(
    ["a|touch pwned", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "a\ntouch pwned", "a&touch pwned"]
)


def line(name: str, *choices: str, longest: int | None = None) -> str:
    form = {name: InputSpec(name, "string", enum=choices)}
    return answer_command_line("run", "task", Question(message="?", form=form), longest=longest)


@given(name=TEXTS, choices=st.lists(TEXTS, min_size=1, max_size=3))
def test_a_shell_reads_names_and_choices_as_one_word(tmp_path_factory, name: str, choices: list[str]) -> None:
    folder: Path = tmp_path_factory.getbasetemp()
    script = f"nika() {{ printf '%s\\0' \"$@\"; }}\n{line(name, *choices)}"
    shown = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, cwd=folder).stdout
    assert shown.decode().split("\0")[:-1] == ["answer", "run", "task", "-i", visible(f"{name}={'|'.join(choices)}")]
    assert "\n" not in line(name, *choices)
    assert not (folder / "pwned").exists()


def test_of_many_choices_the_first_ones_are_shown() -> None:
    assert line("to", "one", "two", "three", longest=8) == "nika answer run task -i 'to=one|two|...'"
    assert line("to", "one", "two", longest=8) == "nika answer run task -i 'to=one|two'"
    assert line("to", "a" * 9, longest=8) == "nika answer run task -i to=..."
