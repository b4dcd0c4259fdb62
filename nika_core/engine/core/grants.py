"""What people have granted for the rest of a run: calls of a tool, by a rule, without further questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nika_core.model.approval import ToolGrant, granted
from nika_core.model.events import Event, EventKind
from nika_core.model.json import JsonObject


def granted_in(events: Iterable[Event]) -> tuple[ToolGrant, ...]:
    """Return what was granted in earlier lives of a run, from its questions and the answers to them."""
    asked: dict[tuple[str | None, str], Mapping[str, Any]] = {}
    grants: dict[ToolGrant, None] = {}
    for event in events:
        data: JsonObject = event.data
        if event.kind is EventKind.TASK_WAITING and data.get("about"):
            asked[event.task, data["key"]] = data["about"]
        elif event.kind is EventKind.SIGNAL_RECEIVED:
            about = asked.get((event.task, data["key"]), {})
            grants |= dict.fromkeys(granted(about, data["payload"]))
    return tuple(grants)
