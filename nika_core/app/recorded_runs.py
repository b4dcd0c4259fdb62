"""The history of runs, as values and as the JSON that `nika runs list` and `show` print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from nika_core.app.recorded_tasks import CHILDREN_KINDS, RecordedTasks
from nika_core.app.results import RecordedRun, RecordedTask
from nika_core.app.task_histories import task_histories
from nika_core.errors import JournalError
from nika_core.journal import Journal, Recorded, RunSummary
from nika_core.journal.values import DAMAGED, INTERRUPTED, RUNNING
from nika_core.model.codec import failure_of, usage_json, usage_of
from nika_core.model.events import Event, EventKind
from nika_core.model.masking import MASK
from nika_core.model.question import is_question
from nika_core.model.state import RunStatus
from nika_core.model.text import iso_time
from nika_core.model.usage import NOTHING, Usage
from nika_core.values import replace

_WAITS: Final = (EventKind.TASK_WAITING, EventKind.SIGNAL_RECEIVED)
_NOT_SHOWN: Final = frozenset({EventKind.TASK_READY})  # a third of the events of a run of many items
RECORDED_STATES: Final = frozenset((*RunStatus, RUNNING, INTERRUPTED, DAMAGED))


def recorded_runs(
    journal: Journal, selected: Callable[[RunSummary], bool], most: int | None = None
) -> tuple[RecordedRun, ...]:
    """Return the selected runs, newest first, without their tasks but for those that wait. Raise JournalError."""
    chosen = islice((summary for summary in journal.runs() if selected(summary)), most)
    return tuple(_listed(journal, summary) for summary in chosen)


def recorded_run(journal: Journal, run: str, *, large_outputs: bool = True) -> RecordedRun:
    """Return one run with its tasks, by its id or a unique beginning of it. Raise JournalError."""
    recorded = journal.load(run, large=large_outputs, without=_NOT_SHOWN)
    with journal.damage_told(recorded.run.id):
        found = _run_json(recorded)
        del recorded  # of a large run, its events are larger than what is returned
        return _typed(found)


def run_of(recorded: Recorded) -> RecordedRun:
    """Return a run whose events come from elsewhere than the history of this machine."""
    return _typed(_run_json(recorded))


def _listed(journal: Journal, summary: RunSummary) -> RecordedRun:
    """Return one entry of the list. One whose history cannot be read is `damaged`, and hides no other."""
    try:
        with journal.damage_told(summary.id):
            return _typed(_listed_json(journal, summary))
    except JournalError:
        return _typed(_summary_json(replace(summary, status=DAMAGED, summary={})))


def _typed(found: dict[str, Any]) -> RecordedRun:
    run = RecordedRun(
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
    _write_times(found)
    return run


def _write_times(found: dict[str, Any]) -> None:
    """Turn the times of a run's JSON, which are seconds since the epoch so far, into text."""
    for name in ("startedAt", "endedAt"):
        if name in found:
            found[name] = iso_time(found[name])
    for task in _all(found.get("tasks", ())):
        if "waitingSince" in task:
            task["waitingSince"] = iso_time(task["waitingSince"])
        if "answered" in task:
            task["answered"] |= {"at": iso_time(task["answered"]["at"])}


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
        key=found.get("key"),
        waits_for=found.get("waitsFor"),
        waiting_since=found.get("waitingSince"),
        children_kind=next((kind for kind in CHILDREN_KINDS if kind in found), ""),
        children=tuple(_typed_task(child) for kind in CHILDREN_KINDS for child in found.get(kind, ())),
    )


def _usage(found: Mapping[str, Any]) -> Usage:
    usage = found.get("usage")
    if not usage:
        return NOTHING
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
    """Return one entry of the list, with the tasks that wait, or wait inside, in a run that has not ended."""
    found = _summary_json(summary)
    if summary.status in (RunStatus.PAUSED, RUNNING, INTERRUPTED):
        tasks = [task for task in _run_json(journal.load(summary.id, large=False))["tasks"] if any(_waiting(task))]
        if tasks:
            found["tasks"] = tasks
    return found


def _run_json(recorded: Recorded) -> dict[str, Any]:
    """Return a whole run, its tasks in declared order, with what it used, resumptions included."""
    from nika_core.engine.core.task_usage import usage_by_task
    from nika_core.engine.llm.recorded_usage import noted_by_task

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
    decisions: list[Mapping[str, Any]] = [
        {"task": event.task, **event.data} if event.task else event.data
        for event in recorded.events
        if event.kind is EventKind.DECISION
    ]
    tasks = RecordedTasks(recorded.events, spent, running=recorded.run.status == RUNNING)
    found["tasks"] = tasks.as_json(_declared_tasks(recorded))
    if decisions:
        found["decisions"] = decisions
    _add_waits(found["tasks"], recorded.events)
    return found


def _declared_tasks(recorded: Recorded) -> Iterable[str]:
    if recorded.info.tasks is not None:
        return recorded.info.tasks
    from nika_core.document import declared_tasks

    return declared_tasks(recorded.info.document.replace(MASK, "masked"))  # a mask that stands alone is no YAML


def _add_waits(tasks: Iterable[dict[str, Any]], events: Sequence[Event]) -> None:
    """Add since when tasks have been waiting, and what people have answered."""
    have_waited = {event.task for event in events if event.kind in _WAITS}
    if not have_waited:
        return
    histories = task_histories(event for event in events if event.task in have_waited)
    for task in (waiting for top in tasks for waiting in _waiting(top)):
        wait = histories[task["id"]].waiting_for
        if wait is not None:
            task["waitingSince"] = wait.since
    for task in _all(tasks):
        history = histories.get(task["id"])
        wait = None if history is None else history.latest_wait
        if wait is not None and wait.received is not None and is_question(wait.about):
            by = {"by": wait.sender["by"]} if wait.sender.get("by") else {}
            task["answered"] = {"answer": wait.payload, **by, "at": wait.sender.get("at", wait.received)}


def _all(tasks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the tasks and all that is inside them."""
    for task in tasks:
        yield task
        for kind in CHILDREN_KINDS:
            yield from _all(task.get(kind, ()))


def _waiting(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the task and what is inside it, as far as it waits."""
    if "waitsFor" in task:
        yield task
    for kind in CHILDREN_KINDS:
        for child in task.get(kind, ()):
            yield from _waiting(child)
