"""What a task waits for, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nika_core.cli.console import json_text, plain

_SHOWN: Final = 200  # characters


def waits_for_text(about: Mapping[str, Any]) -> str:
    """Return what a task waits for: its message if it has one."""
    if not needs_signal(about):
        return f"a batch of '{plain(str(about.get('provider')))}'"
    message = about.get("message")
    text = plain(message) if isinstance(message, str) else json_text(about)
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text


def needs_signal(about: Mapping[str, Any]) -> bool:
    """Return whether somebody has to answer; a batch ends by itself."""
    return about.get("kind") != "batch"


def shell_id(task: str) -> str:
    """Return a task's id without brackets, which are a pattern to a shell."""
    return re.sub(r"\[([0-9]+)\]", r".\1", task)
