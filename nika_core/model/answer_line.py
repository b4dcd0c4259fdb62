"""The command line that answers a question."""

from __future__ import annotations

import json
import re
import shlex
from itertools import accumulate
from typing import Final

from nika_core.model.approval import YES
from nika_core.model.question import Question
from nika_core.model.text import visible
from nika_core.model.workflow import InputSpec

_DIGEST: Final = 12  # characters


def answer_command_line(
    run_id: str, task: str, question: Question, digest: str = "", longest: int | None = None, on: str = ""
) -> str:
    """Return the command that answers a question, with the fields of its form to fill in.

    Args:
        digest: of the question; with it, the command cannot answer another question that the task asks later.
        longest: characters that the choices of one field may have; of longer ones, the first are shown. None: any.
        on: the address of the backend that the run is on; "": it is on this machine.
    """
    command = f"nika answer {run_id} {shell_id(task)}"
    if on:
        command += f" --on {shlex.quote(on)}"
    if digest:
        command += f" --digest {digest[:_DIGEST]}"
    if question.form is None:
        return f"{command} yes (or {', '.join(('no', *question.words))})"
    if question.calls and len(question.form) == 1:
        (field,) = question.form.values()
        others = [str(value) for value in field.enum or () if value != YES]
        return f"{command} yes (or {', '.join(others)})"
    # Names and choices may be a stranger's, and people paste the one line into a shell.
    fields = [
        (f"-i {shlex.quote(visible(f'{name}={_values(spec, longest)}'))}", spec.required)
        for name, spec in question.form.items()
    ]
    instead = [f"(or {', '.join(question.words)})"] if question.words else []
    return " ".join([command, *(field if required else f"[{field}]" for field, required in fields), *instead])


def _values(spec: InputSpec, longest: int | None) -> str:
    if spec.enum:
        choices = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in spec.enum]
        ends = accumulate(len(choice) + 1 for choice in choices)
        first = [each for each, end in zip(choices, ends, strict=True) if longest is None or end <= longest]
        shown = "|".join(first if len(first) == len(choices) else [*first, "..."])
    else:
        shown = (spec.format or spec.type).upper()
    return f"{shown},..." if spec.many else shown


def shell_id(task: str) -> str:
    """Return a task's id without brackets, which are a pattern to a shell."""
    return re.sub(r"\[([0-9]+)\]", r".\1", task)
