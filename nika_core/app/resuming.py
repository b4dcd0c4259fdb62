"""Going on with a run: what it was started with, how its tasks stood, and what may be taken over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nika_core import codes
from nika_core.app.prepared_run import RunOptions
from nika_core.engine.core.previous_tasks import PreviousTask, previous_tasks
from nika_core.errors import JournalError, UsageError
from nika_core.journal import Recorded
from nika_core.model.workflow import Workflow


def options_of(recorded: Recorded, given: Mapping[str, Any], timeout: float | None = None) -> RunOptions:
    """The options that the run was started with; `given` inputs and `timeout` take the place of the recorded ones.

    Raises:
        UsageError: an input held a secret, which history does not keep, and is not given again.
    """
    told = recorded.info.options
    inputs = {**recorded.info.inputs, **given}
    missing = [name for name in told.get("withheld", ()) if name not in given]
    if missing:
        raise UsageError(
            f"the input '{missing[0]}' held a secret, which the run's history does not keep",
            code=codes.NOT_RESUMABLE,
            hint=f"give it again: nika resume {recorded.run.id} -i {missing[0]}=…",
        )
    return RunOptions(
        inputs=inputs,
        provider=told.get("provider"),
        model=told.get("model"),
        max_concurrent=told.get("maxConcurrent"),
        timeout=told.get("timeout") if timeout is None else timeout,
        fail_fast=bool(told.get("failFast")),
        mock=bool(told.get("mock")),
        economy=bool(told.get("economy")),
    )


def workflow_path(recorded: Recorded) -> Path:
    """The file that the run was started with. Raises JournalError when it is gone."""
    path = Path(recorded.info.path)
    if not path.is_file():
        raise JournalError(
            codes.NOT_RESUMABLE,
            f"the workflow of run {recorded.run.id} is no longer there: {path}",
            hint=f"`nika runs show {recorded.run.id} --format json` still has its text and all outputs",
        )
    return path


def check_resumable(recorded: Recorded, workflow: Workflow, rerun_from: str | None) -> None:
    """Raise UsageError for a task that is not there, or a run with nothing left to do."""
    ids = {task.id for task in workflow.tasks}
    if rerun_from is not None and rerun_from not in ids:
        raise UsageError(
            f"--from {rerun_from}: the workflow has no such task",
            code=codes.NOT_RESUMABLE,
            hint=f"its tasks: {', '.join(sorted(ids))}",
        )
    if rerun_from is None and recorded.run.status == "succeeded":
        raise UsageError(
            f"run {recorded.run.id} has succeeded: there is nothing to go on with",
            code=codes.NOT_RESUMABLE,
            hint=f"to do a task and all below it again: nika resume {recorded.run.id} --from TASK",
        )


def previous_tasks_for(recorded: Recorded, workflow: Workflow) -> dict[str, PreviousTask]:
    """How those of its tasks stood that the workflow still has."""
    ids = {task.id for task in workflow.tasks}
    return {task: each for task, each in previous_tasks(recorded.events).items() if task in ids}
