"""What each task of a run has used, read from the run's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.model.codec import usage_of
from nika_core.model.events import Event, EventKind
from nika_core.model.usage import NOTHING, Usage

_ENDED: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED})


def usage_by_task(events: Iterable[Event]) -> dict[str, Usage]:
    """Usage by task. A task that was interrupted counts with the calls that it had made; a reused one not again."""
    ended: dict[str, Usage] = {}
    running: dict[str, Usage] = {}
    for event in events:
        if event.kind is EventKind.RUN_STARTED:  # what was running then was interrupted: no figure of its own follows
            _move(running, ended)
        if event.task is None:
            continue
        if event.kind is EventKind.MODEL_CALLED and not event.data.get("reused"):
            running[event.task] = running.get(event.task, NOTHING) + usage_of(event.data.get("usage"))
        elif event.kind in _ENDED:
            # Its own figure has the calls that failed, too.
            called, told = running.pop(event.task, NOTHING), usage_of(event.data.get("usage"))
            whole = told if told.total_tokens >= called.total_tokens else called
            ended[event.task] = ended.get(event.task, NOTHING) + whole
    _move(running, ended)
    return ended


def _move(running: dict[str, Usage], ended: dict[str, Usage]) -> None:
    for task, usage in running.items():
        ended[task] = ended.get(task, NOTHING) + usage
    running.clear()
