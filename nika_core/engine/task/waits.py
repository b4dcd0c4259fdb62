"""What a step waits for, checked: a step is a plugin's, and a run is paused and resumed by what it says here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nika_core.engine.core.messages import TaskCall, Wait
from nika_core.engine.core.ports import Suspended
from nika_core.engine.task.outputs import checked_json
from nika_core.errors import Category, TaskError
from nika_core.plugin import WaitFor


def suspended(wanted: WaitFor, call: TaskCall, now: float, max_depth: int) -> Suspended:
    """Return what ends a step that waits; a wait that it had asked for before keeps its deadline. Raise TaskError."""
    deadline = call.deadlines.get(wanted.key) if isinstance(wanted.key, str) else None
    return Suspended(checked_wait(wanted, deadline, now, max_depth, f"keyword `{call.keyword}`"))


def checked_wait(wanted: WaitFor, deadline: float | None, now: float, max_depth: int, whose: str) -> Wait:
    """Return what a step waits for. Raise TaskError if it makes no sense.

    Args:
        deadline: the one that this wait has had since the step first asked for it; None: it has none yet.
        now: in seconds since the epoch.
        whose: the keyword, for messages.
    """
    if not isinstance(wanted.key, str) or not wanted.key:
        raise _wrong(whose, "`key` is not a text with at least one character")
    about = checked_json(wanted.about, max_depth, f"{whose} waits, and `about`")
    if not isinstance(about, Mapping):
        raise _wrong(whose, "`about` is not an object")
    seconds = _seconds(wanted.seconds, whose, "seconds")
    patience = _seconds(wanted.patience, whose, "patience")
    default = checked_json(wanted.default, max_depth, f"{whose} waits, and `default`") if wanted.has_default else None
    if deadline is None and seconds is not None:
        deadline = now + seconds
    if deadline is not None and deadline <= now:
        patience = None  # the run does not pause for what is over
    return Wait(wanted.key, about, deadline, patience, default, bool(wanted.has_default), bool(wanted.content_key))


def _seconds(value: Any, whose: str, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise _wrong(whose, f"`{name}` is not a number of seconds from 0, or None")
    return float(value)


def _wrong(whose: str, what: str) -> TaskError:
    message = f"{whose} returned a `WaitFor` that cannot be used: {what}"
    return TaskError(message, category=Category.UNKNOWN, hint="this is a fault of the plugin")
