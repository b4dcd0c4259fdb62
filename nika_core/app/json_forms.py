"""A run's result and events as JSON, in the form that the command line promises (`--format json` and `jsonl`)."""

from __future__ import annotations

from typing import Any

from nika_core.model.codec import usage_of
from nika_core.model.events import Event
from nika_core.model.json import JsonObject
from nika_core.model.state import RunResult, TaskResult
from nika_core.model.usage import NOTHING, Usage


def usage_json(usage: Usage) -> dict[str, Any]:
    """Tokens, and cost in US dollars; `unpriced` names the models whose cost is not in it, `savedUsd` says
    what batches took off the price.
    """
    found: dict[str, Any] = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "costUsd": float(usage.cost_usd),
        "unpriced": list(usage.unpriced),
    }
    if usage.saved_usd:
        found["savedUsd"] = float(usage.saved_usd)
    if usage.cached_tokens:
        found["cachedTokens"] = usage.cached_tokens
    if usage.calls:
        found["calls"] = usage.calls
    if usage.estimated:
        found["estimated"] = True
    return found


def task_json(task: TaskResult) -> dict[str, Any]:
    """One entry of `tasks`; keys that have no value are left out."""
    found: dict[str, Any] = {
        "id": task.id,
        "keyword": task.keyword,
        "state": task.state,
        "attempts": task.attempts,
        "durationMs": round(task.duration * 1000),
    }
    if task.has_output:
        found["output"] = task.output
        found["truncated"] = task.truncated
    if task.usage != NOTHING:
        found["usage"] = usage_json(task.usage)
    if task.failure is not None:
        found["error"] = task.failure.as_json()
    if task.skip_reason is not None:
        found["skipReason"] = task.skip_reason.value
    if task.state == "success" or task.reused:
        found["reused"] = task.reused
    return found


def result_json(result: RunResult) -> dict[str, Any]:
    """The one object of `run --format json`."""
    found: dict[str, Any] = {
        "runId": result.run_id,
        "workflow": result.workflow,
        "status": result.status.value,
        "durationMs": round(result.duration * 1000),
    }
    if result.has_output:
        found["output"] = result.output
    found["usage"] = usage_json(result.usage)
    found["tasks"] = [task_json(task) for task in result.tasks]
    return found


def event_json(event: Event) -> JsonObject:
    """One line of `--format jsonl`, usage as in the result. `at` in seconds since the epoch; chunks have no `seq`."""
    found: dict[str, Any] = {"event": event.kind.value, "runId": event.run_id, "at": round(event.at, 3)}
    if event.seq:
        found["seq"] = event.seq
    if event.task is not None:
        found["task"] = event.task
    if event.data:
        usage = event.data.get("usage")
        found["data"] = {**event.data, "usage": usage_json(usage_of(usage))} if usage else event.data
    return found
