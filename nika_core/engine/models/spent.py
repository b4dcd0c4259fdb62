"""What a run has spent in its earlier lives, read from its events: a resumed run has the same budget, not a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nika_core.engine.budget import Budget
from nika_core.engine.history import usage_json, usage_of
from nika_core.engine.services import CallScope
from nika_core.model.events import Event, EventKind
from nika_core.model.json import Json
from nika_core.model.usage import NOTHING, Usage

_SENT: Final = "sent:"
_ENDED: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED})


def spent_by_task(events: Iterable[Event]) -> dict[str, Usage]:
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


def note_sent(call: CallScope, note: str, told: Usage, unknown: Usage) -> None:
    """Keep what a call took, and what it may have taken that nobody knows of: its worst case before it is sent. So a
    run that is killed meanwhile does not take it for unspent when it is resumed.

    Args:
        note: tells this sending of the call apart from all others.
    """
    call.memo.put(
        call.key, _SENT + note, {"task": call.task_id, "told": usage_json(told), "unknown": usage_json(unknown)}
    )


def noted_by_task(memo: Mapping[tuple[str, str], Json]) -> dict[str, tuple[Usage, Usage]]:
    """By task: what its calls took, and what they may have taken that nobody knows of."""
    found: dict[str, tuple[Usage, Usage]] = {}
    for (_, call), value in memo.items():
        if call.startswith(_SENT) and isinstance(value, dict):
            told, unknown = found.get(value["task"], (NOTHING, NOTHING))
            found[value["task"]] = (told + usage_of(value["told"]), unknown + usage_of(value["unknown"]))
    return found


def charge_earlier(budget: Budget, events: Iterable[Event], memo: Mapping[tuple[str, str], Json] | None = None) -> None:
    """Count in `budget` what the run has spent before, and may have spent.

    Notes and events tell of the same calls: notes are exact even when the run was killed between a reply and its
    event, events know what was paid other than for models. Of both the larger counts.
    """
    told = spent_by_task(events)
    noted = noted_by_task(memo or {})
    for task in told.keys() | noted.keys():
        by_events, (by_notes, unknown) = told.get(task, NOTHING), noted.get(task, (NOTHING, NOTHING))
        tokens = max(by_events.total_tokens, by_notes.total_tokens)
        budget.charge(task, tokens, max(by_events.cost_usd, by_notes.cost_usd))
        if unknown != NOTHING:
            budget.charge(task, unknown.total_tokens, unknown.cost_usd, unknown=True)
