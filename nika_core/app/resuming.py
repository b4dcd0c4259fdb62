"""Resuming a run: what it was started with, and which of its tasks may be reused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.app.run_options import RunOptions
from nika_core.errors import JournalError, UsageError
from nika_core.journal import Journal, Recorded
from nika_core.model.files import FileError, open_file
from nika_core.model.ids import NodeId, node_id_of, parent_id, top_task
from nika_core.model.workflow import Workflow
from nika_core.values import dataclass

_NAMED: Final = 10  # items of a list that a hint names


@dataclass(frozen=True, slots=True)
class ResumedRun:
    """A recorded run that is to be resumed.

    Attributes:
        options: those that it was started with, some replaced.
        path: the workflow's file.
        rerun_from: run this node (a task, or e.g. `review[3]`) and all that depends on it again.
    """

    journal: Journal
    recorded: Recorded
    options: RunOptions
    path: Path
    rerun_from: NodeId | None = None


def open_run(
    journal: Journal,
    run: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    rerun_from: str | None = None,
) -> ResumedRun:
    """Return a recorded run to resume.

    Args:
        run: its id, or a unique beginning of it.
        inputs, timeout: in place of the recorded ones.

    Raises:
        JournalError: there is no such run, or its workflow is gone.
        UsageError: an input held a secret, which the history does not keep, and is not given again; or `rerun_from` is
            not the id of a task, an item or a round.
    """
    recorded = journal.load(run)
    with journal.damage_told(recorded.run.id):
        options = _options_of(recorded, inputs or {}, timeout)
    return ResumedRun(journal, recorded, options, _workflow_path(recorded), _node_of(rerun_from))


def _options_of(recorded: Recorded, given: Mapping[str, Any], timeout: float | None) -> RunOptions:
    recorded_options = recorded.info.options
    inputs = {**recorded.info.inputs, **given}
    missing = [name for name in recorded_options.get("withheld", ()) if name not in given]
    if missing:
        raise UsageError(
            f"the input '{missing[0]}' held a secret, which the run's history does not keep",
            code=codes.NOT_RESUMABLE,
            hint=f"give it again: nika resume {recorded.run.id} -i {missing[0]}=…",
        )
    return RunOptions(
        inputs=inputs,
        provider=recorded_options.get("provider"),
        model=recorded_options.get("model"),
        max_concurrent=recorded_options.get("maxConcurrent"),
        timeout=recorded_options.get("timeout") if timeout is None else timeout,
        fail_fast=bool(recorded_options.get("failFast")),
        mock=bool(recorded_options.get("mock")),
        economy=bool(recorded_options.get("economy")),
        answers=recorded_options.get("answers"),
    )


def _workflow_path(recorded: Recorded) -> Path:
    path = Path(recorded.info.path)
    try:
        open_file(path, sys.maxsize).close()  # how large it may be, the loader knows
    except FileError as error:
        raise JournalError(
            codes.NOT_RESUMABLE,
            f"the workflow of run {recorded.run.id} is no longer there: {error.message}",
            hint=f"`nika runs show {recorded.run.id} --format json` still has its text and all outputs",
        ) from None
    return path


def _node_of(rerun_from: str | None) -> NodeId | None:
    if rerun_from is None:
        return None
    try:
        return node_id_of(rerun_from)
    except ValueError as error:
        raise UsageError(f"--from: {error}", code=codes.NOT_RESUMABLE) from None


def check_resumable(resumed: ResumedRun, workflow: Workflow) -> None:
    """Raise UsageError if `--from` names a task that the workflow does not have, or a node that the run does not."""
    node = resumed.rerun_from
    if node is None:
        return
    ids = {task.id for task in workflow.tasks}
    if top_task(node) not in ids:
        raise UsageError(
            f"--from {node}: the workflow has no such task",
            code=codes.NOT_RESUMABLE,
            hint=f"its tasks: {', '.join(sorted(ids))}",
        )
    if node in ids:
        return
    nodes = dict.fromkeys(event.task for event in resumed.recorded.events if event.task is not None)
    if node not in nodes:
        group = parent_id(node)
        siblings = [sibling for sibling in nodes if parent_id(sibling) == group]
        more = f" and {len(siblings) - _NAMED} more" if len(siblings) > _NAMED else ""
        has = f"has {', '.join(siblings[:_NAMED])}{more}" if siblings else "has none of its own"
        raise UsageError(
            f"--from {node}: run {resumed.recorded.run.id} has no such item, round or inner task",
            code=codes.NOT_RESUMABLE,
            hint=f"`{group}` {has}",
        )
