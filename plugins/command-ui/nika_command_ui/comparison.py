"""Two runs side by side: what was given, what was done, and what it cost."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from nika_command_ui.history import Snapshot
from nika_core.plugin import EventKind, JsonObject

_MOST_LINES: Final = 2000  # of a difference
_FIGURES: Final = ("inputTokens", "outputTokens", "totalTokens", "calls", "costUsd")


def compare(before: Snapshot, after: Snapshot) -> JsonObject:
    """Return what differs between two runs, the largest differences in cost first."""
    one, two = _tops(before), _tops(after)
    tasks = [_task(name, before, after, one.get(name), two.get(name)) for name in dict.fromkeys((*one, *two))]
    tasks.sort(key=lambda row: (-abs(row["costDifference"]), -abs(row["tokenDifference"])))
    return {
        "before": _head(before),
        "after": _head(after),
        "inputs": _values(before.json.get("inputs") or {}, after.json.get("inputs") or {}),
        "definition": list(islice(_lines(before, after), _MOST_LINES)),
        "models": _models(before, after),
        "tasks": tasks,
    }


def _tops(snapshot: Snapshot) -> dict[str, Mapping[str, Any]]:
    return {node["id"]: node for node in snapshot.json.get("tasks", ())}


def _head(snapshot: Snapshot) -> JsonObject:
    run = snapshot.json
    usage = run.get("usage") or {}
    return {key: run.get(key) for key in ("runId", "workflow", "status", "startedAt", "durationMs")} | {
        key: usage.get(key, 0) for key in _FIGURES
    }


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[JsonObject]:
    return [
        {"name": name, "before": before.get(name), "after": after.get(name)}
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _lines(before: Snapshot, after: Snapshot) -> Iterator[str]:
    one, two = (str(snapshot.json.get("document", "")).splitlines() for snapshot in (before, after))
    return islice(difflib.unified_diff(one, two, lineterm="", n=2), 2, None)  # without the names of files


def _task(
    name: str,
    before: Snapshot,
    after: Snapshot,
    one: Mapping[str, Any] | None,
    two: Mapping[str, Any] | None,
) -> JsonObject:
    sides = [_side(snapshot, node) for snapshot, node in ((before, one), (after, two))]
    figures = [side or dict.fromkeys(_FIGURES, 0) for side in sides]
    return {
        "id": name,
        "before": sides[0],
        "after": sides[1],
        "sameOutput": one is not None and two is not None and _output(one) == _output(two),
        "costDifference": figures[1]["costUsd"] - figures[0]["costUsd"],
        "tokenDifference": figures[1]["totalTokens"] - figures[0]["totalTokens"],
        "reasons": _reasons(*sides) if all(sides) else [],
    }


def _side(snapshot: Snapshot, node: Mapping[str, Any] | None) -> JsonObject | None:
    if node is None:
        return None
    usage = node.get("usage") or {}
    children = max((len(node[kind]) for kind in ("items", "rounds", "tasks") if kind in node), default=0)
    retries = sum(
        event.kind == EventKind.TASK_RETRYING and _is_inside(event.task, node["id"]) for event in snapshot.events
    )
    return {
        "state": node["state"],
        "durationMs": node.get("durationMs"),
        "retries": retries,
        "children": children,
        "models": usage.get("models", []),
        **{key: usage.get(key, 0) for key in _FIGURES},
    }


def _reasons(one: JsonObject | None, two: JsonObject | None) -> list[str]:
    """Return in words what is most likely behind another cost."""
    if one is None or two is None:
        return []
    found = []
    if one["models"] != two["models"]:
        found.append(f"other models: {', '.join(one['models']) or 'none'}, then {', '.join(two['models']) or 'none'}")
    if one["children"] != two["children"]:
        found.append(f"{one['children']} inner tasks, then {two['children']}")
    if one["retries"] != two["retries"]:
        found.append(f"{one['retries']} retries, then {two['retries']}")
    if one["calls"] != two["calls"]:
        found.append(f"{one['calls']} calls of models, then {two['calls']}")
    for key, word in (("inputTokens", "input"), ("outputTokens", "output")):
        before, after = _per_call(one, key), _per_call(two, key)
        if before and after and not 0.8 <= after / before <= 1.25:
            found.append(f"{before:,.0f} {word} tokens a call, then {after:,.0f}")
    return found


def _per_call(side: JsonObject, key: str) -> float:
    return float(side[key] / side["calls"]) if side["calls"] else 0.0


def _output(node: Mapping[str, Any]) -> Any:
    return node.get("output", node.get("outputStart"))


def _is_inside(task: str | None, top: str) -> bool:
    return task is not None and (task == top or (task.startswith(top) and task[len(top)] in "[@/"))


def _models(before: Snapshot, after: Snapshot) -> list[JsonObject]:
    counts = [_calls_by_model(snapshot) for snapshot in (before, after)]
    return [
        {"model": model, "before": counts[0][model], "after": counts[1][model]}
        for model in dict.fromkeys((*counts[0], *counts[1]))
    ]


def _calls_by_model(snapshot: Snapshot) -> Counter[str]:
    return Counter(
        str(event.data.get("model", "")) for event in snapshot.events if event.kind == EventKind.MODEL_CALLED
    )
