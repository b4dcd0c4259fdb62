"""What each node of a run has used, read from the run's events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nika_core.model.codec import usage_of
from nika_core.model.events import Event, EventKind
from nika_core.model.usage import NOTHING, Usage

_ENDED: Final = frozenset({EventKind.TASK_SUCCEEDED, EventKind.TASK_FAILED})


def with_identity(events: Iterable[Event]) -> Iterator[tuple[Event, str]]:
    """Yield events of nodes, each with the node's identity: of an item what it is given, not its place.

    `task.started` and `task.reused` say it; the events of the same node that follow in the same life are its too.
    """
    identities: dict[str, str] = {}
    for event in events:
        task = event.task
        if task is None:
            if event.kind is EventKind.RUN_STARTED:
                identities.clear()
            yield event, ""
        elif identity := event.data.get("identity"):
            identities[task] = identity
            yield event, identity
        else:
            yield event, identities.get(task, task)


def usage_by_task(events: Iterable[Event]) -> dict[str, Usage]:
    """Return what each node has used, by its identity.

    One that was interrupted counts with the calls that it had made; a reused one not again.
    """
    ended: dict[str, Usage] = {}
    running: dict[str, Usage] = {}
    for event, node in with_identity(events):
        if event.kind is EventKind.RUN_STARTED:  # what was running then was interrupted: no figure of its own follows
            _move(running, ended)
        elif event.kind is EventKind.MODEL_CALLED and not event.data.get("reused"):
            running[node] = running.get(node, NOTHING) + usage_of(event.data.get("usage"))
        elif event.kind in _ENDED and event.task is not None:
            # Its own figure has the calls that failed, too.
            called, told = running.pop(node, NOTHING), event.data.get("usage")
            if told is None and called is NOTHING:
                continue  # as most that ask no model
            reported = usage_of(told)
            whole = reported if reported.total_tokens >= called.total_tokens else called
            ended[node] = ended.get(node, NOTHING) + whole
    _move(running, ended)
    return ended


def _move(running: dict[str, Usage], ended: dict[str, Usage]) -> None:
    for node, usage in running.items():
        ended[node] = ended.get(node, NOTHING) + usage
    running.clear()
