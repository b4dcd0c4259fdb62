"""Two runs side by side: what was given, what was done, and what it cost."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from nika_command_ui.snapshot import CHILDREN, Snapshot
from nika_command_ui.views import spending
from nika_core.plugin import EventKind, JsonObject

_MOST_LINES: Final = 2000  # of a difference
_FIGURES: Final = ("inputTokens", "outputTokens", "totalTokens", "calls", "costUsd")
_NONE: Final[JsonObject] = dict.fromkeys(_FIGURES, 0)
_PATH_MARKS: Final = re.compile(r"[\[@/]")  # begin what is inside a task


def compare(before: Snapshot, after: Snapshot) -> JsonObject:
    """Return what differs between two runs, the largest differences in cost first."""
    one, two = _sides(before), _sides(after)
    tasks = [_task(name, one.get(name), two.get(name)) for name in dict.fromkeys((*one, *two))]
    tasks.sort(key=lambda row: (-abs(row["costDifference"]), -abs(row["tokenDifference"])))
    return {
        "before": _head(before),
        "after": _head(after),
        "inputs": _values(before.json.get("inputs") or {}, after.json.get("inputs") or {}),
        "definition": list(islice(_lines(before, after), _MOST_LINES)),
        "models": _models(before, after),
        "tasks": tasks,
    }


def _sides(snapshot: Snapshot) -> dict[str, JsonObject]:
    """Return the figures of each task of the run's own."""
    retries = Counter(_top(event.task) for event in snapshot.events() if event.kind == EventKind.TASK_RETRYING)
    return {node["id"]: _side(node, retries[node["id"]]) for node in snapshot.json.get("tasks", ())}


def _top(task: str | None) -> str:
    return _PATH_MARKS.split(task or "", maxsplit=1)[0]


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


def _task(name: str, one: JsonObject | None, two: JsonObject | None) -> JsonObject:
    before, after = one or _NONE, two or _NONE
    return {
        "id": name,
        "before": one and _shown(one),
        "after": two and _shown(two),
        "sameOutput": one is not None and two is not None and one["output"] == two["output"],
        "costDifference": after["costUsd"] - before["costUsd"],
        "tokenDifference": after["totalTokens"] - before["totalTokens"],
        "reasons": _reasons(one, two),
    }


def _shown(side: JsonObject) -> JsonObject:
    return {key: value for key, value in side.items() if key != "output"}


def _side(node: Mapping[str, Any], retries: int) -> JsonObject:
    usage = node.get("usage") or {}
    return {
        "state": node["state"],
        "durationMs": node.get("durationMs"),
        "retries": retries,
        "children": max((len(node[kind]) for kind in CHILDREN if kind in node), default=0),
        "models": usage.get("models", []),
        "output": node.get("output", node.get("outputStart")),
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


def _models(before: Snapshot, after: Snapshot) -> list[JsonObject]:
    """Return what each model was used for in the two runs, the largest differences in cost first."""
    one, two = ({row["model"]: row for row in spending(snapshot)["models"]} for snapshot in (before, after))
    rows = [{"model": name, "before": one.get(name), "after": two.get(name)} for name in dict.fromkeys((*one, *two))]
    return sorted(rows, key=lambda row: -abs(_cost(row["after"]) - _cost(row["before"])))


def _cost(row: JsonObject | None) -> float:
    return 0.0 if row is None else float(row["costUsd"])
