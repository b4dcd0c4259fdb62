"""The history of runs, as values and as the JSON that `nika runs list` and `show` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nika_core.app.results import RecordedRun, RecordedTask
from nika_core.app.task_histories import task_histories
from nika_core.document import declared_tasks
from nika_core.engine.core.task_usage import usage_by_task
from nika_core.engine.llm.recorded_usage import noted_by_task
from nika_core.journal import Journal, Recorded, RunSummary
from nika_core.journal.values import INTERRUPTED, RUNNING
from nika_core.model.codec import failure_of, usage_json, usage_of
from nika_core.model.events import Event, EventKind
from nika_core.model.masking import MASK
from nika_core.model.state import RunStatus
from nika_core.model.usage import NOTHING, Usage

_STATES = {
    EventKind.TASK_STARTED: RUNNING,
    EventKind.TASK_SUCCEEDED: "success",
    EventKind.TASK_REUSED: "success",
    EventKind.TASK_FAILED: "failed",
    EventKind.TASK_SKIPPED: "skipped",
}
_OF_INTEREST = ("attempts", "durationMs", "output", "truncated", "error", "reason")


def recorded_runs(journal: Journal) -> tuple[RecordedRun, ...]:
    """Return all runs, the newest first, without their tasks but for those that wait. Raise JournalError."""
    return tuple(_typed(_listed_json(journal, summary)) for summary in journal.runs())


def recorded_run(journal: Journal, run: str) -> RecordedRun:
    """Return one run with its tasks, by its id or a unique beginning of it. Raise JournalError."""
    return _typed(_run_json(journal.load(run)))


def _typed(found: dict[str, Any]) -> RecordedRun:
    return RecordedRun(
        run_id=found["runId"],
        workflow=found["workflow"],
        path=found["path"],
        status=found["status"],
        started_at=found["startedAt"],
        ended_at=found.get("endedAt"),
        duration_ms=found.get("durationMs"),
        usage=_usage(found),
        inputs=found.get("inputs", {}),
        document=found.get("document", ""),
        tasks=tuple(map(_typed_task, found.get("tasks", ()))),
        decisions=tuple(found.get("decisions", ())),
        json=found,
    )


def _typed_task(found: Mapping[str, Any]) -> RecordedTask:
    return RecordedTask(
        id=found["id"],
        state=found["state"],
        keyword=found.get("keyword", ""),
        attempts=found.get("attempts"),
        duration_ms=found.get("durationMs"),
        output=found.get("output"),
        truncated=found.get("truncated", False),
        usage=_usage(found),
        error=failure_of(found["error"]) if "error" in found else None,
        skip_reason=found.get("skipReason"),
        reused=found.get("reused", False),
        waits_for=found.get("waitsFor"),
        waiting_since=found.get("waitingSince"),
    )


def _usage(found: Mapping[str, Any]) -> Usage:
    usage = found.get("usage") or {}
    return usage_of(usage | {key: str(usage[key]) for key in ("costUsd", "savedUsd") if key in usage})


def _summary_json(summary: RunSummary) -> dict[str, Any]:
    """Return one entry of the list; `startedAt` in seconds since the epoch."""
    found: dict[str, Any] = {
        "runId": summary.id,
        "workflow": summary.workflow,
        "path": summary.path,
        "status": summary.status,
        "startedAt": summary.started,
    }
    if summary.ended is not None:
        found["endedAt"] = summary.ended
    if "durationMs" in summary.summary:
        found["durationMs"] = summary.summary["durationMs"]
    if summary.summary.get("usage"):
        found["usage"] = usage_json(usage_of(summary.summary["usage"]), exact=False)
    return found


def _listed_json(journal: Journal, summary: RunSummary) -> dict[str, Any]:
    """Return one entry of the list, with the tasks that wait in a run that has not ended."""
    found = _summary_json(summary)
    if summary.status in (RunStatus.PAUSED, RUNNING, INTERRUPTED):
        waiting = [task for task in _run_json(journal.load(summary.id))["tasks"] if "waitsFor" in task]
        if waiting:
            found["tasks"] = waiting
    return found


def _run_json(recorded: Recorded) -> dict[str, Any]:
    """Return a whole run, its tasks in declared order, with what it used, resumptions included."""
    found = _summary_json(recorded.run)
    found["inputs"] = recorded.info.inputs
    found["document"] = recorded.info.document
    spent = usage_by_task(recorded.events)
    total = NOTHING
    for usage in spent.values():
        total = total + usage
    found["usage"] = usage_json(total, exact=False)
    unknown = sum((each for _, each in noted_by_task(recorded.memo).values()), NOTHING)
    if unknown != NOTHING:  # calls that were cut off: the most that they can have used
        found["usage"] |= {"unknownTokens": unknown.total_tokens, "unknownCostUsd": float(unknown.cost_usd)}
    tasks: dict[str, dict[str, Any]] = {}
    decisions: list[Mapping[str, Any]] = []
    for event in recorded.events:
        if event.kind is EventKind.DECISION:
            decisions.append({"task": event.task, **event.data} if event.task else event.data)
        if event.task is not None and event.kind in _STATES:
            tasks[event.task] = _task(tasks.get(event.task, {}), event)
    for name, history in task_histories(recorded.events).items():
        if (wait := history.waiting_for) is not None and name in tasks:
            tasks[name] |= {"state": "waiting", "waitsFor": wait.shown, "waitingSince": wait.since}
    for name, task in tasks.items():
        if task["state"] == RUNNING and recorded.run.status != RUNNING:
            task["state"] = INTERRUPTED  # nobody knows how it ended
        if name in spent and spent[name] != NOTHING:
            task["usage"] = usage_json(spent[name], exact=False)
    document = recorded.info.document.replace(MASK, "masked")  # a mask that stands alone is no YAML
    order = dict.fromkeys((*declared_tasks(document), *tasks))  # last, what the workflow no longer has
    found["tasks"] = [tasks[name] for name in order if name in tasks]
    if decisions:
        found["decisions"] = decisions
    return found


def _task(known: Mapping[str, Any], event: Event) -> dict[str, Any]:
    found: dict[str, Any] = {"id": event.task, "state": _STATES[event.kind]}
    keyword = event.data.get("keyword", known.get("keyword"))
    if keyword:
        found["keyword"] = keyword
    if event.kind is EventKind.TASK_REUSED:
        found |= {key: value for key, value in known.items() if key in {"attempts", "durationMs", "output"}}
    for key in _OF_INTEREST:
        if key in event.data and event.data[key] is not None:
            found["skipReason" if key == "reason" and event.kind is EventKind.TASK_SKIPPED else key] = event.data[key]
    if event.kind is EventKind.TASK_REUSED:
        found["reused"] = True
    return found
