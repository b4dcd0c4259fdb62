"""What the pages show of a run, as JSON: lists stay folded, so that 10,000 items cost no more than one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from nika_command_ui.definitions import definition_of
from nika_command_ui.snapshot import CHILDREN, Snapshot
from nika_core.plugin import EventKind

Row = dict[str, Any]

MOST_ROWS: Final = 200  # of one page of items
MOST_EVENTS: Final = 500  # of one task
_SHORT: Final = 300  # characters of an error in a row
_FIRST: Final = {"failed": 0, "waiting": 1, "running": 2}
_SORTS: Final[Mapping[str, Callable[[Row], float]]] = {
    "cost": lambda row: -row["costUsd"],
    "time": lambda row: -(row["durationMs"] or 0.0),
    "state": lambda row: _FIRST.get(row["state"], len(_FIRST)),
}


def run_view(snapshot: Snapshot) -> Row:
    """Return a run: its head, and a row for each task of its own. The rows have times if the run can go on."""
    run = {key: value for key, value in snapshot.json.items() if key not in ("tasks", "document")}
    return run | {
        "live": snapshot.is_live,
        "tasks": [_row(snapshot, node, timed=snapshot.is_live) for node in snapshot.json.get("tasks", ())],
        "endedAt": snapshot.json.get("endedAt"),
    }


def timeline_view(snapshot: Snapshot) -> Row:
    """Return a row with times for each task of the run's own."""
    return {"tasks": [_row(snapshot, node) for node in snapshot.json.get("tasks", ())]}


def children_view(snapshot: Snapshot, task: str, *, offset: int, limit: int, sort: str, state: str) -> Row:
    """Return rows of the items, rounds or inner tasks of a task. Raise KeyError.

    Args:
        offset, limit: which of them, at most `MOST_ROWS`.
        sort: `cost`, `time`, `state`, or anything else for their own order.
        state: only those in this state; empty: all.
    """
    node = snapshot.nodes[task]
    rows = [
        _row(snapshot, child, timed=snapshot.is_live)
        for child in _children(node)
        if not state or child["state"] == state
    ]
    key = _SORTS.get(sort)
    if key is not None:
        rows.sort(key=key)
    limit = min(limit, MOST_ROWS)
    return {"total": len(rows), "offset": offset, "rows": rows[offset : offset + limit]}


def task_view(snapshot: Snapshot, task: str) -> Row:
    """Return all that is known of one task but its conversations. Raise KeyError."""
    node = snapshot.nodes[task]
    events = [event for event in snapshot.events() if event.task == task]
    shown = {key: value for key, value in node.items() if key not in CHILDREN}
    calls = [event for event in events if event.kind == EventKind.MODEL_CALLED]
    return (
        _row(snapshot, node)
        | shown
        | {
            "definition": definition_of(str(snapshot.json.get("document", "")), task),
            "modelCalls": [_call(event.at, event.data) for event in calls[:MOST_EVENTS]],
            "toolCalls": [{"at": event.at, **event.data} for event in events if event.kind == EventKind.TOOL_CALLED][
                :MOST_EVENTS
            ],
            "retries": [{"at": event.at, **event.data} for event in events if event.kind == EventKind.TASK_RETRYING],
            "events": [{"at": event.at, "seq": event.seq, "kind": event.kind} for event in events[:MOST_EVENTS]],
            "moreEvents": max(0, len(events) - MOST_EVENTS),
        }
    )


def spending(snapshot: Snapshot) -> Row:
    """Return tokens and cost of the run by model, the dearest first."""
    models: dict[str, Counter[str]] = {}
    cost: defaultdict[str, float] = defaultdict(float)
    for event in snapshot.events():
        if event.kind != EventKind.MODEL_CALLED:
            continue
        usage = event.data.get("usage") or {}
        name = str(event.data.get("model", ""))
        models.setdefault(name, Counter()).update(
            calls=1,
            inputTokens=int(usage.get("inputTokens", 0)),
            outputTokens=int(usage.get("outputTokens", 0)),
            cachedTokens=int(usage.get("cachedTokens", 0)),
        )
        cost[name] += float(usage.get("costUsd", 0.0))
    return {
        "models": sorted(
            ({"model": name, **counts, "costUsd": cost[name]} for name, counts in models.items()),
            key=lambda row: (-row["costUsd"], -row["inputTokens"] - row["outputTokens"]),
        )
    }


def _row(snapshot: Snapshot, node: Mapping[str, Any], *, timed: bool = True) -> Row:
    began, ended = snapshot.times.get(node["id"], (None, None)) if timed else (None, None)
    usage = node.get("usage") or {}
    row: Row = {
        "id": node["id"],
        "state": node["state"],
        "keyword": node.get("keyword", ""),
        "startedAt": began,
        "endedAt": ended,
        "durationMs": node.get("durationMs"),
        "attempts": node.get("attempts"),
        "tokens": usage.get("totalTokens", 0),
        "inputTokens": usage.get("inputTokens", 0),
        "outputTokens": usage.get("outputTokens", 0),
        "costUsd": usage.get("costUsd", 0.0),
        "calls": usage.get("calls", 0),
        "models": usage.get("models", []),
    }
    for key in ("key", "reused", "skipReason", "waitsFor", "waitingSince"):
        if key in node:
            row[key] = node[key]
    if "error" in node:
        row["error"] = str(node["error"].get("message", ""))[:_SHORT]
        row["code"] = node["error"].get("code")
    children = _children(node)
    if children:
        row["children"] = next(kind for kind in CHILDREN if kind in node)
        row["total"] = len(children)
        row["counts"] = Counter(child["state"] for child in children)
    return row


def _children(node: Mapping[str, Any]) -> list[Row]:
    return [child for kind in CHILDREN for child in node.get(kind, ())]


def _call(at: float, data: Mapping[str, Any]) -> Row:
    usage = data.get("usage") or {}
    return {
        "at": at,
        **{key: data[key] for key in ("model", "provider", "stopReason", "durationMs", "insteadOf") if key in data},
        "inputTokens": usage.get("inputTokens", 0),
        "outputTokens": usage.get("outputTokens", 0),
        "cachedTokens": usage.get("cachedTokens", 0),
        "costUsd": float(usage.get("costUsd", 0.0)),  # exact in events, as a text
    }
