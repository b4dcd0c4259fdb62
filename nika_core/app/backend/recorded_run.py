"""A run on a backend in the form in which history has the runs of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nika_core.app.backend.client import event_of
from nika_core.app.backend.definition import bytes_of
from nika_core.app.backend.opening import require_form
from nika_core.app.recorded_runs import run_of
from nika_core.app.results import RecordedRun
from nika_core.journal import Recorded, RunInfo, RunSummary
from nika_core.journal.encoding import OUTPUT, START, encode, start_of
from nika_core.journal.values import RUNNING
from nika_core.model.events import Event, EventKind
from nika_core.model.json import JsonObject
from nika_core.model.large_values import size_if_large
from nika_core.values import replace


def recorded_run_of(
    definition: JsonObject, events: Iterable[JsonObject], result: JsonObject | None, *, large_outputs: bool
) -> RecordedRun:
    """Return a run as its definition and its events tell it.

    Args:
        result: how it ended; None: it goes on. Its status counts, should the last events be missing.
        large_outputs: as for `runs.get`.

    Raises:
        UsageError: another version of Nika has submitted it.
    """
    require_form(definition)
    run_id, document = definition["run"], definition["files"].get(definition["workflow"], {"text": ""})
    told = tuple(_event(run_id, data, large_outputs) for data in events)
    started = told[0].at if told else 0.0
    info = RunInfo(
        definition["name"],
        definition["path"],
        bytes_of(document).decode("utf-8", "replace"),
        definition["inputs"],
        started=started,
    )
    summary = RunSummary(run_id, info.workflow, info.path, started, None, RUNNING)
    if result is not None:
        summary = _ended(replace(summary, status=str(result["status"])), told)
    return run_of(Recorded(summary, info, "", told))


def _ended(summary: RunSummary, events: tuple[Event, ...]) -> RunSummary:
    end = next((event for event in reversed(events) if event.kind is EventKind.RUN_FINISHED), None)
    if end is None:
        return summary
    figures = {"usage": end.data.get("usage"), "durationMs": round((end.at - summary.started) * 1000)}
    return replace(summary, ended=end.at, summary=figures)


def _event(run_id: str, data: JsonObject, large_outputs: bool) -> Event:
    event = event_of(run_id, data)
    output = event.data.get(OUTPUT)
    if large_outputs or not size_if_large(output):
        return event
    rest: dict[str, Any] = {name: each for name, each in event.data.items() if name != OUTPUT}
    return event._replace(data={**rest, START: start_of(output, encode(output))})
