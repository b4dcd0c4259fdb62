"""How a run ended, as JSON and back: for a backend, whose client shows it like the result of a local run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core.model.codec import failure_of, usage_json, usage_of
from nika_core.model.json import JsonObject
from nika_core.model.state import RunResult, RunStatus, SkipReason, TaskResult


def run_result_json(result: RunResult) -> JsonObject:
    """Return a result as JSON, without what tasks said in the conversation and without open questions."""
    values: dict[str, Any] = {
        "runId": result.run_id,
        "workflow": result.workflow,
        "status": result.status.value,
        "duration": result.duration,
        "usage": usage_json(result.usage),
        "tasks": [_task_json(task) for task in result.tasks],
    }
    if result.has_output:
        values["output"] = result.output
    if result.failure is not None:
        values["failure"] = result.failure.as_json()
    return values


def run_result_of(data: JsonObject) -> RunResult:
    """Return the result that `run_result_json` wrote."""
    return RunResult(
        data["runId"],
        data["workflow"],
        RunStatus(data["status"]),
        tuple(_task_of(task) for task in data["tasks"]),
        data["duration"],
        data.get("output"),
        "output" in data,
        usage_of(data["usage"]),
        failure_of(data["failure"]) if "failure" in data else None,
    )


def _task_json(task: TaskResult) -> JsonObject:
    values: dict[str, Any] = {
        "id": task.id,
        "keyword": task.keyword,
        "state": task.state,
        "attempts": task.attempts,
        "duration": task.duration,
        "usage": usage_json(task.usage),
    }
    if task.has_output:
        values["output"] = task.output
    if task.failure is not None:
        values["failure"] = task.failure.as_json()
    if task.skip_reason is not None:
        values["skipReason"] = task.skip_reason.value
    named = (("key", task.key), ("waitsFor", task.waits_for))
    values |= {name: value for name, value in named if value is not None}
    flags = (("truncated", task.truncated), ("reused", task.reused))
    values |= {name: True for name, flag in flags if flag}
    if task.children_kind:
        values["childrenKind"] = task.children_kind
        values["children"] = [_task_json(child) for child in task.children]
    return values


def _task_of(data: Mapping[str, Any]) -> TaskResult:
    return TaskResult(
        data["id"],
        data["keyword"],
        data["state"],
        data["attempts"],
        data["duration"],
        output=data.get("output"),
        has_output="output" in data,
        truncated=data.get("truncated", False),
        usage=usage_of(data["usage"]),
        failure=failure_of(data["failure"]) if "failure" in data else None,
        skip_reason=SkipReason(data["skipReason"]) if "skipReason" in data else None,
        reused=data.get("reused", False),
        key=data.get("key"),
        waits_for=data.get("waitsFor"),
        children_kind=data.get("childrenKind", ""),
        children=tuple(_task_of(child) for child in data.get("children", ())),
    )
