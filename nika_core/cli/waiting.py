"""What a task waits for, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nika_core.cli.console import json_text, plain
from nika_core.model.approval import YES
from nika_core.model.question import OpenQuestion
from nika_core.model.text import time_text
from nika_core.model.workflow import InputSpec

_SHOWN: Final = 200  # characters


def waits_for_text(about: Mapping[str, Any]) -> str:
    """Return what a task waits for: its message if it has one."""
    if not needs_signal(about):
        return f"a batch of '{plain(str(about.get('provider')))}'"
    message = about.get("message")
    text = plain(message) if isinstance(message, str) else json_text(about)
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text


def sender_text(sender: Mapping[str, Any]) -> str:
    """Return who sent a signal, and when, as the end of a sentence; "" if that is not known."""
    by = sender.get("by")
    if not by:
        return ""
    at = f", {time_text(sender['at'])}" if "at" in sender else ""
    return plain(f" ({'the default, since the time is over' if by == 'default' else by}{at})")


def answer_command_text(asked: OpenQuestion) -> str:
    """Return the command that answers a question."""
    command = f"nika answer {asked.run_id} {shell_id(asked.task)}"
    if asked.question.form is None:
        return f"{command} yes (or {', '.join(('no', *asked.question.words))})"
    if asked.question.calls:
        words = [value for spec in asked.question.form.values() for value in spec.enum or ()]
        choices = ", ".join(str(word) for word in dict.fromkeys(words) if word != YES)
        if len(asked.question.form) == 1:
            return f"{command} yes (or {choices})"
    fields = [(f"-i {name}={_values(spec)}", spec.required) for name, spec in asked.question.form.items()]
    instead = [f"(or {', '.join(asked.question.words)})"] if asked.question.words else []
    return " ".join([command, *(field if required else f"[{field}]" for field, required in fields), *instead])


def _values(spec: InputSpec) -> str:
    if spec.enum:
        shown = "|".join(value if isinstance(value, str) else json_text(value) for value in spec.enum)
    else:
        shown = (spec.format or spec.type).upper()
    return f"{shown},..." if spec.many else shown


def needs_signal(about: Mapping[str, Any]) -> bool:
    """Return whether somebody has to answer; a batch ends by itself."""
    return about.get("kind") != "batch"


def shell_id(task: str) -> str:
    """Return a task's id without brackets, which are a pattern to a shell."""
    return re.sub(r"\[([0-9]+)\]", r".\1", task)
