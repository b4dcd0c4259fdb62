"""What a task waits for, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nika_core.cli.console import json_text, plain
from nika_core.model.answer_line import answer_command_line
from nika_core.model.question import OpenQuestion
from nika_core.model.text import time_text

_SHOWN: Final = 200  # characters


def waits_for_text(about: Mapping[str, Any]) -> str:
    """Return what a task waits for, on one line: its message if it has one."""
    if not needs_signal(about):
        return f"a batch of '{plain(str(about.get('provider')))}'"
    message = about.get("message")
    text = plain(message).replace("\n", "⏎") if isinstance(message, str) else json_text(about)
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
    return answer_command_line(asked.run_id, asked.task, asked.question)


def needs_signal(about: Mapping[str, Any]) -> bool:
    """Return whether somebody has to answer; a batch ends by itself."""
    return about.get("kind") != "batch"
