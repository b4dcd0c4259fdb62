"""A run of one task alone (`--only`): everything else is taken from the workflow's last run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.app.own_runs import is_own
from nika_core.engine.core.previous_tasks import PreviousTask, previous_tasks
from nika_core.errors import RefusedError, UsageError
from nika_core.journal import Journal, Recorded
from nika_core.model.graph import EdgeKind, Graph
from nika_core.model.nearest import nearest
from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True)
class OnlyTask:
    """The task that is run, and what the others had yielded.

    Attributes:
        task: its id.
        run_id: the run that the rest is taken from.
        taken: how the tasks of that run ended, by their ids.
        inputs: what that run was given; what is given now comes first.
    """

    task: str
    run_id: str
    taken: Mapping[str, PreviousTask] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)


def only_task(journal: Journal, path: Path, task: str, *, trusted: bool) -> OnlyTask:
    """Return a task with what the last run of its workflow has of the others.

    Raises:
        JournalError: the history cannot be read.
        RefusedError: somebody else has written that run, as far as is known, and the user does not trust it.
        UsageError: there is no earlier run.
    """
    file = os.path.realpath(path)
    for summary in journal.runs():
        if os.path.realpath(summary.path) != file:
            continue
        recorded = journal.load(summary.id, lazy=True)
        if recorded.info.options.get("mock"):
            continue
        if not (trusted or is_own(recorded.info, journal, recorded.run.id)):
            raise RefusedError(
                codes.UNTRUSTED_HISTORY,
                f"--only {task} would take outputs of run {recorded.run.id}, which was not recorded here by you",
                hint="run the whole workflow once: nika run",
            )
        with journal.damage_told(recorded.run.id):
            return OnlyTask(task, recorded.run.id, previous_tasks(recorded.events), recorded.info.inputs)
    raise UsageError(
        f"--only {task} takes the rest from the last run, and {path.name} has not been run here",
        hint="run the whole workflow once: nika run; mocked runs do not count",
    )


def resumed_only(recorded: Recorded) -> OnlyTask | None:
    """Return what a recorded run was limited to, for its next life; None: it was a whole run."""
    told = recorded.info.options.get("only")
    if not isinstance(told, dict):
        return None
    return OnlyTask(str(told.get("task")), str(told.get("run")), previous_tasks(recorded.events))


def check_only(only: OnlyTask, graph: Graph) -> None:
    """Raise UsageError if the workflow has no such task, or if something that it needs is missing."""
    if only.task not in graph.incoming:
        close = nearest(only.task, graph.incoming)
        hint = f"did you mean {close}?" if close else f"its tasks: {', '.join(sorted(graph.incoming))}"
        raise UsageError(f"--only {only.task}: the workflow has no such task", hint=hint)
    missing = {}
    for edge in graph.incoming[only.task]:
        if edge.kind is EdgeKind.NEED and (why := _why_missing(only.taken.get(edge.source))):
            missing[edge.source] = why
    if missing:
        named = ", ".join(f"`{task}` ({why})" for task, why in missing.items())
        raise UsageError(
            f"--only {only.task} needs what run {only.run_id} does not have: the output of {named}",
            hint=f"nika resume {only.run_id}, or run the whole workflow: nika run",
        )


def _why_missing(earlier: PreviousTask | None) -> str:
    if earlier is None:
        return "it has not run"
    if not earlier.has_yielded:
        return f"its state is {earlier.state}"
    if earlier.outcome.withheld:
        return "it held a secret, which history does not keep"
    return "it is lost: a file under .nika/blobs" if earlier.lost else ""
